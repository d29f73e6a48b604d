"""The ledger of releases and of rollbacks as both engines write it: its rows, and the audit rows of what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from receiver.decide.going_back import Rollback, Step, Stride
from receiver.decide.ledger import Entry, Note
from receiver.decide.release import Release, ReleaseState
from receiver.journal import Event
from receiver.journal.rows import Row

COLUMNS = tuple(field.name for field in fields(Release) if field.name != "id")
NAMES = tuple(f'"{name}"' for name in COLUMNS)  # some are words of SQL

BACK_COLUMNS = tuple(field.name for field in fields(Rollback) if field.name != "id")
BACK_NAMES = tuple(f'"{name}"' for name in BACK_COLUMNS)

SERVING = (
    "SELECT * FROM release WHERE state = 'deploying'"
    " OR frozen_at IS NOT NULL OR (finished_at IS NOT NULL AND replaced_at IS NULL) ORDER BY id"
)


def release_of(row: Row) -> Release:
    """A release as its row says."""
    said = {name: row[name] for name in COLUMNS}
    state = ReleaseState(row["state"])
    return Release(**{**said, "state": state, "rollback": bool(row["rollback"])}, id=row["id"])


def values_of(release: Release) -> Sequence[object]:
    """What stands in COLUMNS."""
    said = {name: getattr(release, name) for name in COLUMNS}
    return tuple({**said, "state": str(release.state)}.values())


def changed(entry: Entry) -> tuple[Release, ...]:
    """The rows to write, what is spoken of last."""
    return (*entry.others, entry.release) if entry.notes else ()


def event_of(note: Note) -> Event:
    """The audit row of a note; what was not said is left out."""
    release = note.release
    data = {
        "target": release.target,
        "version": release.version,
        "state": str(release.state),
        "by": note.by,
        "commit": release.commit,
        "compatible_down_to": release.compatible_down_to,
        "replaces": note.replaces,
    }
    return Event(note.ev, {key: value for key, value in data.items() if value is not None})


def rollback_of(row: Row) -> Rollback:
    """A rollback as its row says."""
    said = {name: row[name] for name in BACK_COLUMNS}
    return Rollback(**{**said, "step": Step(row["step"])}, id=row["id"])


def rollback_values(rollback: Rollback) -> Sequence[object]:
    """What stands in BACK_COLUMNS."""
    said = {name: getattr(rollback, name) for name in BACK_COLUMNS}
    return tuple({**said, "step": str(rollback.step)}.values())


def row_of(stride: Stride) -> tuple[Event, ...]:
    """The audit row of a stride."""
    return () if stride.row is None else (Event("rollback", stride.row),)
