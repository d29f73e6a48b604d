"""The part of the PostgreSQL journal that keeps what playbooks may do and what they have shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.decide.trust import Grant
from receiver.journal import Ended, Event, Move
from receiver.journal import trust_rows as rows
from receiver.journal.postgres.letters import post
from receiver.journal.postgres.rows import stored
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit, Writer
from receiver.journal.rows import Row
from receiver.journal.track_records import TrackRecords
from receiver.journal.trust import Weighing

T = TypeVar("T")


class PostgresTrust(TrackRecords):
    """Implements `receiver.journal.trust.Trust`, for a journal that has a writer and can be asked."""

    _writer: Writer

    async def _ask(
        self, question: Callable[[Database], Awaitable[T]], what: str = "cannot be read"
    ) -> T:
        raise NotImplementedError

    async def grants(self, playbook: str | None = None) -> tuple[Grant, ...]:
        return await self._ask(lambda db: grants(db, playbook))

    async def regrant(self, playbook: str, weighing: Weighing, now: float) -> Grant | None:
        return await self._writer.call(lambda unit: _regrant(unit, playbook, weighing, now))

    async def _all(self, sql: str, *values: object) -> Sequence[Row]:
        return await self._ask(lambda db: db.fetch(sql, *values))


async def grants(db: Database, playbook: str | None) -> tuple[Grant, ...]:
    """Of one playbook, or of all."""
    return tuple(map(rows.grant_of, await db.fetch(rows.GRANTS, playbook)))


async def take_note(unit: Unit, before: Incident, move: Move, now: float) -> None:
    """What a move shows: verdicts on runs, refusals, and what shadow mode held back."""
    if not move.events:
        return
    await _each(unit.db, rows.JUDGED, rows.judgements(before, move.events, now))
    await _each(unit.db, rows.REFUSED, rows.refused([move], now))
    await _each(unit.db, rows.WITHHELD, rows.withheld(move, now))


async def refused(unit: Unit, moves: Iterable[Move], now: float) -> None:
    """What is refused as incidents open."""
    await _each(unit.db, rows.REFUSED, rows.refused(moves, now))


async def failed(unit: Unit, before: Incident, ended: Ended, now: float) -> None:
    """A run that failed will have no verdict."""
    await _each(unit.db, rows.JUDGED, rows.failure(before, ended.result, ended.reason, now))


async def _regrant(unit: Unit, playbook: str, weighing: Weighing, now: float) -> Grant | None:
    follows = weighing(await grants(unit.db, playbook))
    if follows is None:
        return None
    await unit.db.execute(rows.GRANT, *map(stored, rows.grant_values(follows.grant)))
    await unit.append([(now, Event(*follows.row))])
    await post(unit.db, 0, now, follows.letters)
    return follows.grant


async def _each(db: Database, sql: str, values: Sequence[rows.Values]) -> None:
    for one in values:
        await db.execute(sql, *one)
