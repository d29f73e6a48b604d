"""One signal of a launch watch as a curve: what it was, what it is compared with, and from where on it is worse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from receiver.decide.signals import SIGNALS, Unit, digits, shown

HOUR = 3600.0
INK, PALE, WORSE = "#1f2328", "#6e7781", "#ffe3e0"
FINDINGS = {"pass": "#1a7f37", "degraded": "#cf222e", "inconclusive": "#8c959f"}
MARKERS = {"pass": "o", "degraded": "X", "inconclusive": "o"}
SCALES = {
    Unit.SHARE: (100.0, "%"),
    Unit.SECONDS: (1000.0, "ms"),
    Unit.BYTES: (1 / (1 << 20), "MiB"),
    Unit.COUNT: (1.0, ""),
}
ASIDE, BESIDE = -0.182, 1.012  # left and right of the axes, in their widths


@dataclass(frozen=True)
class Track:
    """One signal over time; hours after the deploy, values in the unit of its axis, NaN where nothing was measured."""

    name: str
    began: float  # when the deploy did, in unix seconds
    hours: list[float]
    values: list[float]
    findings: list[str]
    baseline: float | None
    limits: list[float]

    @property
    def limit(self) -> float | None:
        """The one in force."""
        known = [one for one in self.limits if not math.isnan(one)]
        return known[-1] if known else None

    @property
    def worse_since(self) -> float | None:
        """Since how many hours after the deploy it is worse, if it still is."""
        since: float | None = None
        for at, finding in zip(self.hours, self.findings, strict=True):
            if finding == "degraded":
                since = at if since is None else since
            elif finding == "pass":
                since = None
        return since

    def said(self, value: float) -> str:
        """A value of the axis as people read it."""
        unit = SIGNALS[self.name].unit
        return shown(unit, value / SCALES[unit][0])


def track_of(watch: Mapping[str, Any], name: str) -> Track | None:
    """None for a signal that was never measured."""
    scale = SCALES[SIGNALS[name].unit][0]
    looks = [
        (one, each)
        for one in watch["checkpoints"]
        for each in one["signals"]
        if each["signal"] == name
    ]
    if all(each["value"] is None for _, each in looks):
        return None
    base = watch["baseline"].get(name)

    def scaled(value: float | None) -> float:
        return math.nan if value is None else value * scale

    return Track(
        name,
        moment_of(watch["deployed_at"]),
        [hours_after(watch, one["at"]) for one, _ in looks],
        [scaled(each["value"]) for _, each in looks],
        [each["finding"] for _, each in looks],
        None if base is None else base["value"] * scale,
        [scaled(each["limit"]) for _, each in looks],
    )


def draw_track(axes: Axes, track: Track) -> None:
    """One signal: its values, its baseline as a line, and everything that is worse as a shade."""
    limit, unit = track.limit, SCALES[SIGNALS[track.name].unit][1]
    known = [
        one for one in (*track.values, *track.limits, track.baseline or 0.0) if not math.isnan(one)
    ]
    top = max(known) * 1.18 or 1.0
    axes.set_ylim(0, top)
    if limit is not None:
        axes.axhspan(limit, top, color=WORSE, zorder=0, linewidth=0)
    if track.baseline is not None:
        axes.axhline(track.baseline, color=INK, linewidth=1.1, linestyle=(0, (5, 3)), zorder=1)
    axes.plot(track.hours, track.values, color=PALE, linewidth=1.1, zorder=2)
    _points(axes, track)
    bare(axes)
    axes.yaxis.set_major_locator(MaxNLocator(4, min_n_ticks=3))
    axes.tick_params(axis="y", labelsize=8, colors=INK, length=2)
    caption = f"{SIGNALS[track.name].caption}\n{unit}".strip()
    axes.text(ASIDE, 0.5, caption, transform=axes.transAxes, size=9.5, va="center", color=INK)
    _figures(axes, track)


def _points(axes: Axes, track: Track) -> None:
    """Each checkpoint in the colour of what it said of this signal; a question mark where nothing was seen."""
    for finding, colour in FINDINGS.items():
        mine = [at for at, one in enumerate(track.findings) if one == finding]
        seen = [at for at in mine if not math.isnan(track.values[at])]
        axes.scatter(
            [track.hours[at] for at in seen],
            [track.values[at] for at in seen],
            s=30 if finding == "degraded" else 16,
            marker=MARKERS[finding],
            facecolors="white" if finding == "inconclusive" else colour,
            edgecolors=colour,
            linewidths=0.9,
            zorder=3,
            clip_on=False,
        )
    dark = [track.hours[at] for at, one in enumerate(track.values) if math.isnan(one)]
    low = axes.get_ylim()[1] * 0.09
    axes.scatter(dark, [low] * len(dark), s=26, marker="$?$", color=PALE, linewidths=0.3, zorder=3)


def _figures(axes: Axes, track: Track) -> None:
    """The figures that matter, beside the curve."""
    finding, last = track.findings[-1], track.values[-1]
    text = "not seen" if math.isnan(last) else track.said(last)
    axes.text(
        BESIDE, 0.84, text, transform=axes.transAxes, size=13, weight="bold", va="center",
        color=FINDINGS[finding],
    )  # fmt: skip
    told = [
        f"{word} {track.said(value)}"
        for word, value in (("baseline", track.baseline), ("limit", track.limit))
        if value is not None
    ]
    axes.text(
        BESIDE, 0.66, "\n".join(told), transform=axes.transAxes, size=8.5, va="top", color=INK,
        linespacing=1.35,
    )  # fmt: skip
    if (since := track.worse_since) is not None:
        axes.text(
            BESIDE, 0.22, _worse(track, since), transform=axes.transAxes, size=8.5, va="top",
            color=FINDINGS["degraded"], linespacing=1.35, weight="bold",
        )  # fmt: skip


def _worse(track: Track, since: float) -> str:
    """Since when, and how many times the baseline it is now."""
    at = datetime.fromtimestamp(track.began + since * HOUR, UTC)
    known = [one for one in track.values if not math.isnan(one)]
    times = f"\n{digits(known[-1] / track.baseline)} times the baseline" if track.baseline else ""
    return f"worse since {at:%a %H:%M}{times}"


def hours_after(watch: Mapping[str, Any], at: str) -> float:
    """After the deploy."""
    return (moment_of(at) - moment_of(watch["deployed_at"])) / HOUR


def moment_of(text: str) -> float:
    """Unix seconds of a time as the API writes it."""
    return datetime.fromisoformat(text).timestamp()


def bare(axes: Axes) -> None:
    """Only the two sides that carry a scale."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PALE)
    axes.tick_params(axis="x", length=0)
