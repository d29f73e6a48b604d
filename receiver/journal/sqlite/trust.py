"""The part of the SQLite journal that keeps what playbooks may do and what they have shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.decide.track_record import PastRun, Refusals, Withheld
from receiver.decide.trust import Grant, Tally
from receiver.journal import Ended, Event, Move
from receiver.journal import trust_rows as rows
from receiver.journal.sqlite.letters import post
from receiver.journal.sqlite.rows import append, numbered
from receiver.journal.sqlite.writer import Writer
from receiver.journal.trust import Weighing

T = TypeVar("T")


class SqliteTrust:
    """Implements `receiver.journal.trust.Trust`, for a journal that has a writer and can be asked."""

    _writer: Writer

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        raise NotImplementedError

    async def grants(self, playbook: str | None = None) -> tuple[Grant, ...]:
        return await self._read(lambda db: grants(db, playbook))

    async def regrant(self, playbook: str, weighing: Weighing, now: float) -> Grant | None:
        return await self._writer.call(lambda db: _regrant(db, playbook, weighing, now))

    async def tallies(
        self, since: float, recurrence: float, *, fresh: bool = False
    ) -> tuple[Tally, ...]:
        sql = rows.FRESH if fresh else rows.TALLIES
        return tuple(map(rows.tally_of, await self._all(sql, since, recurrence)))

    async def refusals(self, since: float) -> tuple[Refusals, ...]:
        found = await self._all(rows.REFUSALS, int(since // rows.DAY))
        return tuple(map(rows.refusals_of, found))

    async def past_runs(self, playbook: str, limit: int) -> tuple[PastRun, ...]:
        return tuple(map(rows.past_run_of, await self._all(rows.PAST_RUNS, playbook, limit)))

    async def withheld(self, playbook: str, since: float, limit: int) -> tuple[Withheld, ...]:
        found = await self._all(rows.WITHHELD_OF, playbook, since, limit)
        return tuple(map(rows.withheld_of, found))

    async def human_times(self, since: float) -> Mapping[str, Sequence[float]]:
        return rows.human_times_of(await self._all(rows.HUMANS, since))

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
