"""Draws a launch watch: every signal against its baseline. A program of its own: the document of
`GET /api/v1/releases/{id}/watch` comes in, a PNG goes out.

So the receiver never imports what draws (numpy and matplotlib take 60 MB and a second), and a picture that fails or hangs
is a process that ends. Every axis begins at zero and is as long as the limit or the worst value, whichever is more: what
looks small is small.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image

from receiver.decide.signals import SIGNALS, digits
from receiver.launch_tracks import (
    ASIDE,
    FINDINGS,
    HOUR,
    INK,
    MARKERS,
    PALE,
    WORSE,
    bare,
    draw_track,
    hours_after,
    moment_of,
    track_of,
)

DPI = 100
STEPS_BETWEEN = 15  # shades from a ground to a colour: 2 * 5 * 16 are fewer than 256
STEPS = (
    1 / 720,
    1 / 360,
    1 / 240,
    1 / 120,
    1 / 60,
    1 / 30,
    1 / 12,
    1 / 6,
    0.25,
    0.5,
    1,
    2,
    3,
    6,
    12,
    24,
)


def picture(watch: Mapping[str, Any]) -> bytes:
    """The PNG of a document of the API."""
    tracks = [track for name in SIGNALS if (track := track_of(watch, name)) is not None]
    figure = Figure(figsize=(11, 2.1 + 1.5 * max(1, len(tracks))), dpi=DPI, facecolor="white")
    rows = figure.subplots(
        len(tracks) + 1, 1, sharex=True, squeeze=False, height_ratios=[0.35, *[1.0] * len(tracks)]
    )[:, 0]
    top = 1 - 1.05 / figure.get_figheight()
    figure.subplots_adjust(left=0.152, right=0.84, top=top, bottom=0.75 / figure.get_figheight())
    _head(figure, watch)
    _verdicts(rows[0], watch)
    for axes, track in zip(rows[1:], tracks, strict=True):
        draw_track(axes, track)
    for axes in rows:
        _phases(axes, watch)
    _name_phases(rows[0], watch)
    _time(rows[-1], watch)
    return _small(figure)


def _head(figure: Figure, watch: Mapping[str, Any]) -> None:
    """What it is, what there is to say of it, and against what."""
    high = figure.get_figheight()
    last = watch["checkpoints"][-1]["finding"] if watch["checkpoints"] else "inconclusive"
    good = watch["outcome"] in (None, "stable")
    colour = FINDINGS[last] if good or last == "degraded" else FINDINGS["inconclusive"]
    title, *more = watch["report"]
    figure.text(0.02, 1 - 0.33 / high, title, size=15, weight="bold", color=colour, va="center")
    under = " · ".join(line for line in more[:3] if line)
    figure.text(0.02, 1 - 0.62 / high, under, size=9.5, color=INK, va="center")
    known = [
        Line2D([], [], color=INK, linewidth=1.1, linestyle=(0, (5, 3)), label="baseline"),
        Patch(facecolor=WORSE, label="worse than the limit"),
    ]
    place = (0.995, 1 - 0.62 / high)
    figure.legend(
        handles=known, loc="center right", bbox_to_anchor=place, frameon=False, fontsize=8.5, ncols=2,
        columnspacing=1.2, handlelength=1.8,
    )  # fmt: skip


def _verdicts(axes: Axes, watch: Mapping[str, Any]) -> None:
    """The strip of all checkpoints: each as a colour and as a mark, for who cannot tell the colours."""
    for finding, colour in FINDINGS.items():
        hours = [
            hours_after(watch, one["at"])
            for one in watch["checkpoints"]
            if one["finding"] == finding
        ]
        hollow = finding == "inconclusive"
        axes.scatter(
            hours,
            [0.5] * len(hours),
            s=34,
            marker=MARKERS[finding],
            facecolors="white" if hollow else colour,
            edgecolors=colour,
            linewidths=1.2 if hollow else 0.4,
            label=finding,
            zorder=3,
        )
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    bare(axes)
    axes.text(ASIDE, 0.5, "checkpoints", transform=axes.transAxes, size=9.5, va="center", color=INK)
    axes.legend(
        loc="center left", bbox_to_anchor=(1.005, 0.5), frameon=False, fontsize=8.5, labelspacing=0.15,
        handletextpad=0.2, borderpad=0,
    )  # fmt: skip


def _phases(axes: Axes, watch: Mapping[str, Any]) -> None:
    """Where one phase ends and the next begins."""
    for one in watch["phases"][:-1]:
        at = one["until"] / HOUR
        if at < _end(watch):
            axes.axvline(at, color=PALE, linewidth=0.9, linestyle=":", zorder=1)


def _name_phases(axes: Axes, watch: Mapping[str, Any]) -> None:
    """Which phase is which, where there is room for the words."""
    began, end = 0.0, _end(watch)
    for number, one in enumerate(watch["phases"], start=1):
        until = min(end, one["until"] / HOUR)
        share = (until - began) / end
        if share > 0:
            words = (
                f"phase {number}: every {_spoken(one['every'])}" if share > 0.17 else str(number)
            )
            middle = (began + until) / 2
            axes.text(middle, 1.12, words, ha="center", va="bottom", size=8.5, color=PALE)
        began = until


def _time(axes: Axes, watch: Mapping[str, Any]) -> None:
    """Hours after the deploy, and what the clock said then."""
    end = _end(watch)
    step = next((one for one in STEPS if end / one <= 9), 24)
    ticks = [step * number for number in range(int(end / step) + 1)]
    deployed = moment_of(watch["deployed_at"])
    axes.set_xlim(-end * 0.012, end * 1.012)
    spelled = "%a %H:%M" if step >= 1 / 60 else "%H:%M:%S"
    axes.set_xticks(ticks, [_tick(deployed, one, spelled) for one in ticks])
    axes.tick_params(axis="x", labelsize=8.5, colors=INK, length=3)
    axes.set_xlabel("after the deploy, and the time in UTC", size=9, color=INK)


def _tick(deployed: float, hours: float, spelled: str) -> str:
    at = datetime.fromtimestamp(deployed + hours * HOUR, UTC).strftime(spelled)
    return f"+{_spoken(hours * HOUR)}\n{at}" if hours else f"deploy\n{at}"


def _spoken(seconds: float) -> str:
    if seconds >= HOUR and seconds % HOUR == 0:
        return f"{seconds / HOUR:.0f} h"
    return (
        f"{seconds / 60:.0f} min" if seconds >= 60 and seconds % 60 == 0 else f"{digits(seconds)} s"
    )


def _end(watch: Mapping[str, Any]) -> float:
    """How far the picture reaches, in hours: to the last checkpoint."""
    looks: Sequence[Mapping[str, Any]] = watch["checkpoints"]
    reached = max((hours_after(watch, one["at"]) for one in looks), default=0.0)
    return max(reached, 1 / HOUR)


def _small(figure: Figure) -> bytes:
    """As a PNG of few colours: it goes into messages and repositories."""
    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", dpi=DPI)
    drawn = Image.open(whole).convert("RGB")
    few = drawn.quantize(palette=_palette(), dither=Image.Dither.NONE)
    few.save(small, "PNG", optimize=True)
    return small.getvalue()


def _palette() -> Image.Image:
    """Our own colours and what lies between them and what they are drawn on. One that was chosen by how often a colour is
    there would lose the red of a single bad checkpoint."""
    grounds, drawn = ("#ffffff", WORSE), (INK, PALE, *FINDINGS.values())
    shades = [
        round(back + (front - back) * step / STEPS_BETWEEN)
        for ground in grounds
        for colour in drawn
        for step in range(STEPS_BETWEEN + 1)
        for back, front in zip(_rgb(ground), _rgb(colour), strict=True)
    ]
    palette = Image.new("P", (1, 1))
    palette.putpalette(shades)
    return palette


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def main() -> int:
    """Reads the document from stdin, writes the picture to stdout."""
    sys.stdout.buffer.write(picture(json.load(sys.stdin)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
