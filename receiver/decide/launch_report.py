"""A launch watch in words: what got worse, since when, and against what. For a terminal and for a message.

The bars of a signal reach from nothing to its limit in five steps; the two highest are above the limit, so that what is
worse can be seen without a scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

from prunella.service.units import format_duration
from receiver.decide.regression import Finding, Judged
from receiver.decide.signals import SIGNALS, shown
from receiver.decide.watching import Checkpoint, Launch, Outcome

WIDTH = 48
WITHIN, ABOVE, DARK = "▁▂▃▄▅", "▇█", "·"
MARKS = {Finding.PASS: "+", Finding.DEGRADED: "!", Finding.INCONCLUSIVE: "?"}
ENDS = {
    Outcome.STABLE: "it survived its launch watch and is stable",
    Outcome.UNPROVEN: "its launch watch is over, and it was not proven good",
    Outcome.REPLACED: "its launch watch ended with the next deploy",
    Outcome.BAD: "its launch watch ended: it was gone back from, or quarantined",
}
GRAVEST = (Finding.DEGRADED, Finding.INCONCLUSIVE, Finding.PASS)


def title(launch: Launch) -> str:
    """One line: which release, and what there is to say of it."""
    name = f"{launch.release.target} {launch.release.version}"
    if launch.outcome is not None:
        return f"{name}: {ENDS[launch.outcome]}"
    if launch.last is None:
        return f"{name}: no checkpoint yet"
    return f"{name}: {launch.last.finding} in phase {launch.last.phase} of its launch watch"


def report(launch: Launch) -> str:
    """The whole of it."""
    return "\n".join([title(launch), *_when(launch), "", *_table(launch)]).rstrip()


def message(launch: Launch) -> str:
    """The same for where letters have different widths and lines are short: a line for each signal, no columns."""
    return "\n".join([*_when(launch), *_lines(launch)])


def reasons(one: Checkpoint) -> str:
    """Why a checkpoint found what it found, worst first."""
    told = [
        f"{SIGNALS[each.signal].caption}: {figure(each)}{each.why}"
        for finding in (Finding.DEGRADED, Finding.INCONCLUSIVE)
        for each in one.signals
        if each.counted and each.finding is finding
    ]
    return "\n".join(told) or _quiet(one)


def figure(one: Judged) -> str:
    """`480 ms, `; nothing where nothing was measured."""
    return "" if one.value is None else f"{shown(SIGNALS[one.signal].unit, one.value)}, "


def bars(values: Sequence[tuple[float | None, float | None]], width: int = WIDTH) -> str:
    """Values with their limits as bars, the worst of neighbours where there are too many."""
    size = max(1, ceil(len(values) / width))
    groups = [values[at : at + size] for at in range(0, len(values), size)]
    return "".join(max(map(_bar, group), key=_height) for group in groups)


def marks(checkpoints: Sequence[Checkpoint], width: int = WIDTH) -> str:
    """A mark for each checkpoint, the gravest of neighbours."""
    size = max(1, ceil(len(checkpoints) / width))
    groups = [checkpoints[at : at + size] for at in range(0, len(checkpoints), size)]
    return "".join(
        MARKS[next(word for word in GRAVEST if word in {one.finding for one in group})]
        for group in groups
    )


def since(launch: Launch, signal: str) -> float | None:
    """Since when a signal is worse, if it still is."""
    begun: float | None = None
    for one in launch.checkpoints:
        each = judged_of(one, signal)
        if each is not None and each.finding is Finding.DEGRADED:
            begun = one.at if begun is None else begun
        elif each is not None and each.finding is Finding.PASS:
            begun = None
    return begun


def judged_of(one: Checkpoint, signal: str) -> Judged | None:
    """What a checkpoint said of a signal."""
    return next((each for each in one.signals if each.signal == signal), None)


def moment(at: float) -> str:
    """To the minute, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def after(launch: Launch, at: float) -> str:
    """How long after the deploy."""
    return format_duration(max(0.0, float(round(at - launch.release.deployed_at))))


def _quiet(one: Checkpoint) -> str:
    if one.finding is Finding.PASS:
        return "every signal is within its limit"
    return "nothing could be seen: this service has none of the signals"


def _when(launch: Launch) -> Iterator[str]:
    yield f"deployed {moment(launch.release.deployed_at)} UTC"
    found = launch.findings
    counts = ", ".join(f"{found[word]} {word}" for word in Finding if word in found)
    many = len(launch.checkpoints)
    yield f"{many} checkpoint{'' if many == 1 else 's'}" + (f": {counts}" if counts else "")
    sources = sorted({str(one.source) for one in (launch.baseline or {}).values()})
    yield "baseline: " + (" and ".join(sources) or "none yet")
    if launch.last is not None and launch.outcome in (None, Outcome.UNPROVEN):
        yield from reasons(launch.last).splitlines()


def _table(launch: Launch) -> Iterator[str]:
    if not launch.checkpoints:
        return
    yield f"{'':<16} {'BASELINE':>9} {'LIMIT':>9} {'LAST':>9} {'WORST':>9}"
    for name in SIGNALS:
        yield from _row(launch, name)
    yield f"{'checkpoints':<16} {'':>39}  {marks(launch.checkpoints)}"
    yield f"{'':<56}  {WITHIN} within the limit, {ABOVE} above, {DARK} not seen"


def _lines(launch: Launch) -> Iterator[str]:
    for name in SIGNALS:
        told = _seen_of(launch, name)
        if told is not None:
            base, limit, last, worst = told.figures
            said = (
                f"{SIGNALS[name].caption}: {last}, at worst {worst}; baseline {base}, limit {limit}"
            )
            yield f"{said}{f', {told.worse}' if told.worse else ''}  {told.line}"


def _row(launch: Launch, name: str) -> Iterator[str]:
    told = _seen_of(launch, name)
    if told is not None:
        cells = " ".join(f"{one:>9}" for one in told.figures)
        tail = f"  {told.worse}" if told.worse else ""
        yield f"{SIGNALS[name].caption:<16} {cells}  {told.line}{tail}"


@dataclass(frozen=True, slots=True)
class _Seen:
    """A signal over the whole watch: its baseline, limit, last and worst value, and since when it is worse."""

    figures: tuple[str, str, str, str]
    worse: str
    line: str


def _seen_of(launch: Launch, name: str) -> _Seen | None:
    each = [judged_of(one, name) for one in launch.checkpoints]
    known = [one for one in each if one is not None]
    values = [one.value for one in known if one.value is not None]
    if not values:
        return None
    base = (launch.baseline or {}).get(name)
    limits = [one.limit for one in known if one.limit is not None]
    begun = since(launch, name)

    def said(value: float | None) -> str:
        return "-" if value is None else shown(SIGNALS[name].unit, value)

    return _Seen(
        (
            said(None if base is None else base.value),
            said(limits[-1] if limits else None),
            said(known[-1].value),
            said(max(values)),
        ),
        "" if begun is None else f"worse since {after(launch, begun)} after the deploy",
        bars([(None, None) if one is None else (one.value, one.limit) for one in each]),
    )


def _bar(point: tuple[float | None, float | None]) -> str:
    value, limit = point
    if value is None:
        return DARK
    if limit is None or value <= limit:
        share = 0.0 if not limit else max(0.0, value / limit)
        return WITHIN[min(len(WITHIN) - 1, int(share * len(WITHIN)))]
    return ABOVE[value > 2 * limit]


def _height(bar: str) -> int:
    return (DARK + WITHIN + ABOVE).index(bar)
