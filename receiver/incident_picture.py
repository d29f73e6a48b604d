"""Draws the metric that decides an incident: what it was, from where on it is wrong, what was done, whether it helped.

A program of its own like `receiver.launch_picture`: a document of `receiver.decide.illustration` comes in, a PNG goes out.
It is read on a phone at night, so it says three things in colour and in words, and little else. No text is read as
mathematics: a title may come from a label.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from receiver.decide.captions import Moment, places

WIDE, HIGH, DPI = 6.4, 2.7, 150
INK, PALE, LINE = "#1f2328", "#6e7781", "#0969da"
BAD, WORSE, GOOD = "#cf222e", "#ffe3e0", "#1a7f37"
COLOURS = {"began": BAD, "acted": "#8250df", "healed": GOOD}
LEFT, RIGHT, BOTTOM, TOP = 0.085, 0.985, 0.105, 0.59
ROWS, ROW = 4, 0.105  # of captions above the axes, in their heights
CHARACTER = 0.0128  # how wide one of a caption is, in widths of the axes
TICKS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800)
A_DAY = 86400
FEW_COLOURS = 64


def picture(document: Mapping[str, Any]) -> bytes:
    """The PNG of a document."""
    figure = Figure(figsize=(WIDE, HIGH), dpi=DPI, facecolor="white")
    axes = figure.add_axes((LEFT, BOTTOM, RIGHT - LEFT, TOP - BOTTOM))
    _head(figure, document)
    low, high = _reach(document)
    axes.set_ylim(low, high)
    _limit(axes, document, low, high)
    for rank, series in reversed(list(enumerate(document["series"]))):
        _curve(axes, document, series, worst=rank == 0)
    _marks(axes, document)
    _scales(axes, document)
    return _small(figure)


def _head(figure: Figure, document: Mapping[str, Any]) -> None:
    """Where and what, how it stands, and by which figure."""
    healed = document["event"] == "healed"
    where, title = document["where"], document["title"]
    title = title if not where or where in title else f"{where} · {title}"
    status = _status(document)
    room = 62 - len(status)
    _say(figure, 0.015, 0.935, _cut(title, room), size=11.5, weight="bold", color=INK)
    colour = GOOD if healed else BAD
    _say(figure, 0.985, 0.935, status, size=11.5, weight="bold", color=colour, ha="right")
    more = f"worst {len(document['series'])} of {document['count']} series: "
    query = _cut(f"{more if document['count'] > 1 else ''}{document['query']}", 84)
    _say(figure, 0.015, 0.86, query, size=8, color=PALE, family="monospace")


def _status(document: Mapping[str, Any]) -> str:
    marks: Sequence[Mapping[str, Any]] = document["marks"]
    began = next((one["at"] for one in marks if one["kind"] == "began"), document["end"])
    healed = next((one["at"] for one in marks if one["kind"] == "healed"), document["end"])
    words = {
        "opened": f"broken since {_clock(began)}",
        "ineffective": "what was done did not help",
        "escalated": "needs a human",
        "healed": f"healed at {_clock(healed)}",
    }
    return words.get(document["event"], "")


def _say(on: Figure | Axes, x: float, y: float, words: str, **style: Any) -> None:
    on.text(x, y, words, va=style.pop("va", "center"), parse_math=False, **style)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: max(0, most - 1)]}…"


def _reach(document: Mapping[str, Any]) -> tuple[float, float]:
    """How far the axis goes: zero, the limit and all values are on it, and nothing is at the edge."""
    values = [value for one in document["series"] for _, value in one]
    low, high = (pick([0.0, document["value"], *values]) for pick in (min, max))
    room = (high - low or 1.0) * 0.12
    return (low - room if low < 0 else low - room / 4), high + room


def _limit(axes: Axes, document: Mapping[str, Any], low: float, high: float) -> None:
    """The line between right and wrong with its value, and everything wrong as a shade."""
    value, op = document["value"], document["op"]
    if op in {"<", "<="}:
        axes.axhspan(value, high, color=WORSE, zorder=0, linewidth=0)
    elif op in {">", ">="}:
        axes.axhspan(low, value, color=WORSE, zorder=0, linewidth=0)
    axes.axhline(value, color=BAD, linewidth=1.1, linestyle=(0, (5, 3)), zorder=1)
    beneath = value > (low + high) / 2
    words = f"should be {'' if op == '==' else f'{op} '}{_figure(value)}"
    axes.annotate(
        words, (0.008, value), (0, -3 if beneath else 2), xycoords=axes.get_yaxis_transform(),
        textcoords="offset points", color=BAD, size=9, weight="bold", zorder=5,
        va="top" if beneath else "bottom", parse_math=False,
    )  # fmt: skip


def _curve(
    axes: Axes, document: Mapping[str, Any], series: Sequence[Sequence[float]], *, worst: bool
) -> None:
    """A gap stays one; what is wrong is red."""
    times, values = _with_gaps(series, document["step"])
    wrong = [value if _is_wrong(document, value) else math.nan for value in values]
    width, dot = (1.9, 2.2) if worst else (1.0, 1.4)
    axes.plot(times, values, color=LINE, linewidth=width, zorder=2)
    axes.plot(times, wrong, color=BAD, linewidth=width, marker="o", markersize=dot, zorder=3)
    if len(series) < 3:
        axes.plot(times, values, color=LINE, marker="o", markersize=4.5, linewidth=0, zorder=2)


def _with_gaps(series: Sequence[Sequence[float]], step: float) -> tuple[list[float], list[float]]:
    times, values = [], []
    before = math.inf
    for at, value in series:
        if at - before > 1.5 * step:
            times.append(at)
            values.append(math.nan)
        times.append(at)
        values.append(value)
        before = at
    return times, values


def _is_wrong(document: Mapping[str, Any], value: float) -> bool:
    limit = document["value"]
    right = {
        "<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit,
        "!=": value != limit,
    }  # fmt: skip
    return not (math.isnan(value) or right.get(document["op"], value == limit))


def _marks(axes: Axes, document: Mapping[str, Any]) -> None:
    """A line for each, and its caption above."""
    start, end = document["start"], document["end"]
    marks: Sequence[Mapping[str, Any]] = document["marks"]
    words = [f"{mark['caption']} {_clock(mark['at'])}" for mark in marks]
    moments = [
        Moment(min(max((mark["at"] - start) / (end - start), 0.0), 1.0), len(said) * CHARACTER)
        for mark, said in zip(marks, words, strict=True)
    ]
    for mark, said, moment, place in zip(
        marks, words, moments, places(moments, 0.0, 1.0), strict=True
    ):
        fits = place.row < ROWS  # the last of many has no caption: there is no room for it
        top = 1.02 + ROW * (place.row + 1 if fits else 1)
        _mark(axes, moment.at, said if fits else "", COLOURS[mark["kind"]], top, late=place.ends)


def _mark(axes: Axes, at: float, words: str, colour: str, top: float, *, late: bool) -> None:
    on: dict[str, Any] = {"transform": axes.transAxes, "color": colour}
    axes.plot([at, at], [0, top - 0.01], linewidth=1.3, clip_on=False, zorder=4, **on)
    _say(
        axes, at - 0.005 if late else at + 0.005, top, words, size=8.5, weight="bold", va="top",
        ha="right" if late else "left", **on,
    )  # fmt: skip


def _scales(axes: Axes, document: Mapping[str, Any]) -> None:
    start, end = document["start"], document["end"]
    axes.set_xlim(start, end)
    every = next((one for one in TICKS if (end - start) / one <= 7), end - start)
    ticks = [at for n in range(9) if (at := (start // every + 1 + n) * every) <= end]
    axes.set_xticks(ticks)
    spelled = "%H:%M" if end - start <= A_DAY else "%d %b %H:%M"
    axes.set_xticklabels([f"{datetime.fromtimestamp(at, UTC):{spelled}}" for at in ticks])
    axes.yaxis.set_major_formatter(lambda value, _: _figure(value))
    axes.locator_params(axis="y", nbins=4)
    axes.tick_params(axis="both", labelsize=8.5, colors=INK, length=2, pad=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PALE)
    _say(
        axes,
        -0.008,
        -0.035,
        "UTC",
        transform=axes.transAxes,
        size=8,
        color=PALE,
        va="top",
        ha="right",
    )


def _figure(value: float) -> str:
    """Three digits, as people write them."""
    for size, word in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size <= abs(value) < 1e15:
            return f"{value / (1e3 if word == 'k' else size):.3g}{word}"
    return f"{value:.4g}" if 1e3 <= abs(value) < 1e4 else f"{value:.3g}"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def _small(figure: Figure) -> bytes:
    """As a PNG of few colours: it goes into messages."""
    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", dpi=DPI)
    drawn = Image.open(whole).convert("RGB")
    few = drawn.quantize(FEW_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(small, "PNG", optimize=True)
    return small.getvalue()


def main() -> int:
    """Reads the document from stdin, writes the picture to stdout, after everything that repairs."""
    os.nice(5)
    sys.stdout.buffer.write(picture(json.load(sys.stdin)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
