"""Launch watches as both engines write them: rows to values and back, and what is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from msgspec.json import Decoder, Encoder

from receiver.decide.regression import Base, Finding, Judged
from receiver.decide.watching import Checkpoint, Launch, Outcome
from receiver.journal import Event
from receiver.journal.launches import Step
from receiver.journal.releases import release_of
from receiver.journal.rows import Row

_encode = Encoder().encode
_baseline = Decoder(dict[str, Base] | None).decode
_signals = Decoder(tuple[Judged, ...]).decode

_WITH_LAST = (
    "SELECT r.*, l.begun, l.baseline, l.ended_at, l.outcome,"
    " c.due, c.at, c.phase, c.finding, c.traffic, c.signals"
    " FROM release r LEFT JOIN launch l ON l.release = r.id LEFT JOIN checkpoint c"
    " ON c.release = r.id AND c.due = (SELECT max(due) FROM checkpoint WHERE release = r.id)"
)
OPEN = (
    f"{_WITH_LAST} WHERE l.ended_at IS NULL AND (l.release IS NOT NULL OR"
    " (r.state = 'watching' AND r.finished_at IS NOT NULL AND r.replaced_at IS NULL)) ORDER BY r.id"
)
OF_TARGET = f"{_WITH_LAST} WHERE {{target}} ORDER BY r.id"
ONE = (
    "SELECT r.*, l.begun, l.baseline, l.ended_at, l.outcome FROM release r"
    " LEFT JOIN launch l ON l.release = r.id WHERE r.id = {id}"
)
CHECKPOINTS = "SELECT * FROM checkpoint WHERE release = {id} ORDER BY due"


def launch_of(row: Row, checkpoints: Iterable[Row] = ()) -> Launch:
    """A watch as its row says."""
    return Launch(
        release=release_of(row),
        begun=row["begun"],
        baseline=None if row["baseline"] is None else _baseline(row["baseline"]),
        checkpoints=tuple(map(checkpoint_of, checkpoints)),
        ended_at=row["ended_at"],
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
    )


def with_last(row: Row) -> Launch:
    """The same, of a row that has the last checkpoint in it."""
    launch = launch_of(row)
    return launch if row["due"] is None else replace(launch, checkpoints=(checkpoint_of(row),))


def checkpoint_of(row: Row) -> Checkpoint:
    """A checkpoint as its row says."""
    return Checkpoint(
        due=row["due"],
        at=row["at"],
        phase=row["phase"],
        finding=Finding(row["finding"]),
        signals=_signals(row["signals"]),
        traffic=row["traffic"],
    )


def launch_values(launch: Launch) -> tuple[object, ...]:
    """release, begun, baseline, ended_at, outcome."""
    baseline = _encode(launch.baseline).decode()  # `null` while nobody could be asked for it
    outcome = None if launch.outcome is None else str(launch.outcome)
    return launch.release.id, launch.begun, baseline, launch.ended_at, outcome


def checkpoint_values(release: int, one: Checkpoint) -> tuple[object, ...]:
    """release, due, at, phase, finding, traffic, signals."""
    signals = _encode(one.signals).decode()
    return release, one.due, one.at, one.phase, str(one.finding), one.traffic, signals


def new_checkpoints(before: Launch, step: Step) -> Sequence[Checkpoint]:
    """Those that the watch did not have."""
    known = {one.due for one in before.checkpoints}
    return [one for one in step.launch.checkpoints if one.due not in known]


def events_of(step: Step) -> tuple[Event, ...]:
    """Its audit rows."""
    return tuple(Event(ev, data) for ev, data in step.rows)
