"""The part of the SQLite journal that keeps what playbooks may do and what they have shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.decide.trust import Grant
from receiver.journal import Ended, Event, Move
from receiver.journal import trust_rows as rows
from receiver.journal.sqlite.letters import post
from receiver.journal.sqlite.rows import append, numbered
from receiver.journal.sqlite.writer import Writer
from receiver.journal.track_records import TrackRecords
from receiver.journal.trust import Weighing

T = TypeVar("T")


class SqliteTrust(TrackRecords):
    """Implements `receiver.journal.trust.Trust`, for a journal that has a writer and can be asked."""

    _writer: Writer

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        raise NotImplementedError

    async def grants(self, playbook: str | None = None) -> tuple[Grant, ...]:
        return await self._read(lambda db: grants(db, playbook))

    async def regrant(self, playbook: str, weighing: Weighing, now: float) -> Grant | None:
        return await self._writer.call(lambda db: _regrant(db, playbook, weighing, now))

    async def _all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return await self._read(lambda db: db.execute(sql, numbered(values)).fetchall())


def grants(db: sqlite3.Connection, playbook: str | None) -> tuple[Grant, ...]:
    """Of one playbook, or of all."""
    return tuple(map(rows.grant_of, db.execute(rows.GRANTS, numbered((playbook,)))))


def take_note(db: sqlite3.Connection, before: Incident, move: Move, now: float) -> None:
    """What a move shows: verdicts on runs, refusals, and what shadow mode held back."""
    if not move.events:
        return
    _each(db, rows.JUDGED, rows.judgements(before, move.events, now))
    _each(db, rows.REFUSED, rows.refused([move], now))
    _each(db, rows.WITHHELD, rows.withheld(move, now))


def refused(db: sqlite3.Connection, moves: Iterable[Move], now: float) -> None:
    """What is refused as incidents open."""
    _each(db, rows.REFUSED, rows.refused(moves, now))


def failed(db: sqlite3.Connection, before: Incident, ended: Ended, now: float) -> None:
    """A run that failed will have no verdict."""
    _each(db, rows.JUDGED, rows.failure(before, ended.result, ended.reason, now))


def _regrant(db: sqlite3.Connection, playbook: str, weighing: Weighing, now: float) -> Grant | None:
    follows = weighing(grants(db, playbook))
    if follows is None:
        return None
    db.execute(rows.GRANT, numbered(rows.grant_values(follows.grant)))
    append(db, now, [Event(*follows.row)])
    post(db, 0, now, follows.letters)
    return follows.grant


def _each(db: sqlite3.Connection, sql: str, values: Sequence[rows.Values]) -> None:
    for one in values:
        db.execute(sql, numbered(one))
