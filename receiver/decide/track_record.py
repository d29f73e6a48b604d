"""What a playbook has shown, put together for people: per rung what became of its runs and what they spared, what was
refused and why, and what shadow mode would have done.

Time is spared against the median of incidents that humans ended: this playbook's own if there are enough, else all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from receiver.decide.plan import Mode, Playbook, Rung
from receiver.decide.trust import (
    OURSELVES,
    Grant,
    Tally,
    TrustRule,
    helps,
    mode_of,
    row_of,
    stance,
)

FEW = 3  # incidents that say nothing of how long humans take


@dataclass(frozen=True, slots=True)
class PastRun:
    """One execution, and what it was found to be; `verdict` is None as long as nobody knows."""

    incident: int
    playbook: str
    step: str
    kind: str
    target: str
    began_at: float
    result: str | None
    verdict: str | None
    returned_at: float | None


@dataclass(frozen=True, slots=True)
class Withheld:
    """What shadow mode would have done, and when that incident ended without it."""

    incident: int
    step: str
    kind: str
    target: str
    at: float
    over_at: float | None

    @property
    def lasted(self) -> float | None:
        """How long it stayed broken with nothing done; None while it still is."""
        return None if self.over_at is None else max(0.0, self.over_at - self.at)


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often one rung was refused for one reason."""

    playbook: str
    step: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the journal knows of the playbooks since some moment. `fresh` counts from a rung's last grant on."""

    tallies: Collection[Tally] = ()
    fresh: Collection[Tally] = ()
    refusals: Collection[Refusals] = ()
    humans: Mapping[str, Sequence[float]] = field(default_factory=dict)  # seconds, by playbook


@dataclass(frozen=True, slots=True)
class RungRecord:
    """One rung: how far it may go now, and what it has shown. `spared` is in seconds, and below zero when humans are
    quicker; None when nobody knows how quick they are, or when nothing helped yet."""

    rung: Rung
    mode: Mode
    grant: Grant | None
    tally: Tally
    spared: float | None
    trusted: bool  # by the rule: what is not is demoted, and is not until somebody decides anew
    refusals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BookRecord:
    """One playbook with its rungs."""

    book: Playbook
    mode: Mode
    grant: Grant | None
    human: float | None
    human_own: bool  # whether that is of its own incidents
    rungs: tuple[RungRecord, ...]
    likeness_lost: bool  # it was promoted, and changed since

    @property
    def refusals(self) -> Mapping[str, int]:
        """Of all rungs together, the most frequent first."""
        counts: dict[str, int] = {}
        for rung in self.rungs:
            for reason, count in rung.refusals.items():
                counts[reason] = counts.get(reason, 0) + count
        return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def records(
    books: Iterable[Playbook],
    ceiling: Mode,
    grants: Collection[Grant],
    seen: Evidence,
    rule: TrustRule,
) -> tuple[BookRecord, ...]:
    """Of every playbook, in the config's order."""
    known = {(one.playbook, one.step): one for one in grants}
    return tuple(_record(book, ceiling, known, seen, rule) for book in books)


def _record(
    book: Playbook,
    ceiling: Mode,
    known: Mapping[tuple[str, str], Grant],
    seen: Evidence,
    rule: TrustRule,
) -> BookRecord:
    whole = known.get((book.name, ""))
    human, own = _human(book.name, seen.humans)
    tallies = {one.step: one for one in seen.tallies if one.playbook == book.name}
    fresh = {one.step: one for one in seen.fresh if one.playbook == book.name}
    rows = {rung.name: row_of(stance(ceiling, book, rung), known.values()) for rung in book.ladder}
    rungs = tuple(
        RungRecord(
            rung=rung,
            mode=mode_of(stance(ceiling, book, rung), known.values()),
            grant=rows[rung.name],
            tally=tallies.get(rung.name, Tally(book.name, rung.name)),
            spared=_spared(tallies.get(rung.name), human),
            trusted=not _taken(rows[rung.name])
            and helps(fresh.get(rung.name, Tally(book.name, rung.name)), rule),
            refusals=_of(seen.refusals, book.name, rung.name),
        )
        for rung in book.ladder
    )
    mode = mode_of(stance(ceiling, book), known.values())
    lost = whole is not None and whole.likeness != book.likeness
    return BookRecord(book, mode, whole, human, own, rungs, lost)


def _taken(row: Grant | None) -> bool:
    """Whether the rule demoted it, and nobody has decided since."""
    return row is not None and row.by == OURSELVES and row.mode is not Mode.AUTO


def _of(refusals: Iterable[Refusals], playbook: str, step: str) -> Mapping[str, int]:
    ours = [one for one in refusals if (one.playbook, one.step) == (playbook, step)]
    return {one.reason: one.count for one in sorted(ours, key=lambda one: (-one.count, one.reason))}


def _human(playbook: str, humans: Mapping[str, Sequence[float]]) -> tuple[float | None, bool]:
    own = humans.get(playbook, ())
    if len(own) >= FEW:
        return median(own), True
    everybody = [seconds for times in humans.values() for seconds in times]
    return (median(everybody) if len(everybody) >= FEW else None), False


def _spared(seen: Tally | None, human: float | None) -> float | None:
    if seen is None or human is None or not seen.helped:
        return None
    return seen.helped * human - seen.took
