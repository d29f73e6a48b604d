"""Every dashboard as one PNG, drawn from a Prometheus: for looking where no Grafana is, and for documents.

`python -m grafana.generator.pictures --prometheus http://127.0.0.1:9090 --out DIR [--minutes 15] [DASHBOARD ...]`. Needs the extra `pictures`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from grafana.generator.answers import Curve, Window, curves
from grafana.generator.board import WIDTH, Board, json_of
from grafana.generator.boards import BOARDS
from grafana.generator.panel import Panel, steps
from grafana.generator.said import said

WIDE, CELL = 13, 0.42  # inches of the whole, and of a grid's row
TONES = 64  # enough for lines and letters, and a third of the bytes
COLOURS = colormaps["tab10"].colors  # type: ignore[attr-defined] # of a listed map, which mypy does not see
NAMED = {
    "green": "#1a7f37",
    "orange": "#d4760a",
    "red": "#cf222e",
    "yellow": "#d4a72c",
    "blue": "#0969da",
}
INK, PALE, BACK = "#1f2328", "#6e7781", "#f6f8fa"
DAY = 86_400.0
_FIRST = ("alertname", "service", "severity")  # of the labels in a table's row
_HIDDEN = {"__name__", "alertstate", "job", "action", "symptom"}
_MARGIN = {"timeseries": 0.045, "bargauge": 0.11, "state-timeline": 0.11, "heatmap": 0.035}


def sheet(board: Board, window: Window) -> Figure:
    """All panels of a dashboard at their places."""
    placed = json_of(board)["panels"]
    panels = iter(panel for row in board.rows for panel in row.panels)
    rows = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in placed)
    high = (rows + 1.5) * CELL
    figure = Figure(figsize=(WIDE, high), dpi=100, facecolor="white")
    title = f"{board.title}: {board.about}"
    figure.text(0.01, 1 - 0.5 * CELL / high, title, size=13, weight="bold", color=INK)
    for one in placed:
        place = one["gridPos"]
        left, top = place["x"] / WIDTH, 1 - (place["y"] + 1.5) * CELL / high
        if one["type"] == "row":
            figure.text(0.01, top - 0.7 * CELL / high, one["title"], size=11, color=PALE)
            continue
        margin = _MARGIN.get(one["type"], 0.012)
        box = (
            left + margin,
            top - (place["h"] - 0.6) * CELL / high,
            place["w"] / WIDTH - margin - 0.012,
            (place["h"] - 1.4) * CELL / high,
        )
        _draw(figure.add_axes(box), next(panels), window)
    return figure


def _draw(axes: Axes, panel: Panel, window: Window) -> None:
    axes.set_facecolor(BACK)
    axes.set_title(panel.title, size=9, loc="left", color=INK)
    axes.tick_params(labelsize=7, colors=PALE)
    for spine in axes.spines.values():
        spine.set_visible(False)
    found = curves(panel, window)
    if not found:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing", ha="center", color=PALE, size=8, transform=axes.transAxes)
        return
    _KINDS[panel.kind](axes, panel, found)
    if panel.kind in {"timeseries", "state-timeline"}:
        axes.set_xlim((window.end - window.seconds) / DAY, window.end / DAY)


def _curves(axes: Axes, panel: Panel, found: Sequence[Curve]) -> None:
    for index, curve in enumerate(sorted(found, key=lambda one: -one.last)[:12]):
        times = [at / DAY for at, _ in curve.points]
        colour = COLOURS[index % len(COLOURS)]
        axes.plot(
            times,
            [value for _, value in curve.points],
            lw=1.1,
            color=colour,
            label=_short(curve.name),
        )
    top = axes.get_ylim()[1]
    for value, name in panel.lines:
        if value <= 3 * top or panel.falls:
            axes.axhline(value, color=NAMED[name], lw=0.9, ls="--")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.xaxis.set_major_formatter(_clock)
    axes.yaxis.set_major_formatter(lambda value, _: said(value, panel.unit))
    axes.legend(fontsize=6, loc="upper left", frameon=False, ncols=2)


def _states(axes: Axes, panel: Panel, found: Sequence[Curve]) -> None:
    for row, curve in enumerate(found):
        ends = [at for at, _ in curve.points[1:]]
        for (at, value), end in zip(curve.points, ends, strict=False):
            shown = panel.values.get(f"{value:g}", {}).get("color", "blue")
            axes.barh(row, (end - at) / DAY, left=at / DAY, color=NAMED[shown], height=0.7)
    axes.set_yticks(range(len(found)), [_short(curve.name) for curve in found])
    axes.xaxis.set_major_formatter(_clock)


def _bars(axes: Axes, panel: Panel, found: Sequence[Curve]) -> None:
    chosen = sorted(found, key=lambda one: one.last)[-10:]
    for row, curve in enumerate(chosen):
        axes.barh(row, curve.last, color=_colour(panel, curve.last), height=0.6)
        axes.text(
            curve.last, row, f" {said(curve.last, panel.unit)}", va="center", size=7, color=INK
        )
    axes.set_yticks(range(len(chosen)), [_short(curve.name) for curve in chosen])
    axes.xaxis.set_major_formatter(lambda value, _: said(value, panel.unit))
    if panel.most is not None:
        axes.set_xlim(0, panel.most * 1.15)


def _numbers(axes: Axes, panel: Panel, found: Sequence[Curve]) -> None:
    axes.set_axis_off()
    for index, curve in enumerate(found[:6]):
        across = (index + 0.5) / min(6, len(found))
        shown = panel.values.get(f"{curve.last:g}", {}).get("text") or said(curve.last, panel.unit)
        colour = _colour(panel, curve.last)
        axes.text(
            across,
            0.6,
            shown,
            ha="center",
            va="center",
            size=15,
            weight="bold",
            color=colour,
            transform=axes.transAxes,
        )
        axes.text(
            across,
            0.15,
            _short(curve.name),
            ha="center",
            size=7,
            color=PALE,
            transform=axes.transAxes,
        )


def _rows(axes: Axes, panel: Panel, found: Sequence[Curve]) -> None:
    axes.set_axis_off()
    now = [curve for curve in found if curve.now]
    for row, curve in enumerate(now[:10]):
        shown = [curve.labels[key] for key in _FIRST if key in curve.labels]
        shown += [value for key, value in curve.labels.items() if key not in {*_FIRST, *_HIDDEN}]
        labels = "  ".join(shown)
        text = labels if panel.unit == "short" else f"{labels}  {said(curve.last, panel.unit)}"
        axes.text(0.01, 0.92 - row * 0.1, text, size=7.5, color=INK, transform=axes.transAxes)


def _heat(axes: Axes, panel: Panel, found: Sequence[Curve]) -> None:
    """Each bucket by itself: what is at most its bound less what is at most the one below."""
    bounds = sorted(found, key=lambda one: float(one.labels["le"]))
    columns = sorted({at for curve in bounds for at, _ in curve.points})
    known = [dict(curve.points) for curve in bounds]
    cells = [
        [
            max(0.0, here.get(at, 0.0) - (known[row - 1].get(at, 0.0) if row else 0.0))
            for at in columns
        ]
        for row, here in enumerate(known)
    ]
    axes.imshow(cells, aspect="auto", origin="lower", cmap="Oranges")
    axes.set_yticks(range(len(bounds)), [curve.labels["le"] for curve in bounds])
    axes.set_xticks([])


_KINDS: Mapping[str, Callable[[Axes, Panel, Sequence[Curve]], None]] = {
    "timeseries": _curves,
    "state-timeline": _states,
    "bargauge": _bars,
    "stat": _numbers,
    "table": _rows,
    "heatmap": _heat,
}


def _colour(panel: Panel, value: float) -> str:
    """Of the highest step that is reached; what is no number is on the first."""
    reached = [colour for limit, colour in steps(panel) if value >= limit]
    return NAMED[reached[-1] if reached else steps(panel)[0][1]]


def _clock(days: float, _: object) -> str:
    return datetime.fromtimestamp(days * DAY, UTC).strftime("%H:%M")


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:24]}…{name[-14:]}"


def _save(figure: Figure, file: Path) -> None:
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(TONES).save(file, optimize=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Writes a PNG for each dashboard that is named, or for all."""
    parser = argparse.ArgumentParser(prog="python -m grafana.generator.pictures")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--service", default=".*", help="a regular expression")
    parser.add_argument("names", nargs="*", metavar="DASHBOARD")
    options = parser.parse_args(argv)
    window = Window(options.prometheus, time.time(), options.minutes * 60, options.service)
    options.out.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        if not options.names or board.name in options.names:
            _save(sheet(board, window), options.out / f"{board.name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
