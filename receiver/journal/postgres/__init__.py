"""The journal in PostgreSQL: for several receivers that share their work and take over each other's.

The database does all coordination: one writers' lock, unique indexes, row locks that nobody waits for, and its clock.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from prunella.service.clock import Clock
from receiver.decide.guards import Freeze
from receiver.decide.incident import Incident
from receiver.decide.maintenance import Window
from receiver.decide.plan import Draft
from receiver.journal import (
    QUIET,
    Backlog,
    Chain,
    Change,
    Claim,
    Ended,
    Event,
    IncidentAlert,
    Ingested,
    JournalUnavailable,
    Letter,
    Move,
    OpenAlert,
    Page,
    Posting,
    Question,
    Reception,
    Rule,
    Ruling,
    Run,
    Seen,
)
from receiver.journal.chunks import Delivery
from receiver.journal.door import Door
from receiver.journal.postgres import (
    freezes,
    incidents,
    intake,
    operator,
    outbox,
    reads,
    retention,
    runs,
)
from receiver.journal.postgres.clock import DatabaseClock
from receiver.journal.postgres.history import PostgresHistory
from receiver.journal.postgres.ledger import PostgresLedger
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.schema import migrate
from receiver.journal.postgres.session import Database, Pool, Server
from receiver.journal.postgres.sessions import PostgresSessions
from receiver.journal.postgres.trust import PostgresTrust
from receiver.journal.postgres.views import PostgresViews
from receiver.journal.postgres.writer import Writer

T = TypeVar("T")
QUESTIONS = 4  # connections for what is asked beside the writer
PATIENCE = 4.0  # for a heartbeat: an owner must know in time that its lease cannot be prolonged


class PostgresJournal(
    PostgresLedger, PostgresTrust, PostgresSessions, PostgresViews, PostgresHistory
):
    """Implements `receiver.journal.Journal`. Made by `open_journal`."""

    def __init__(self, server: Server, writer: Writer, pool: Pool, clock: DatabaseClock) -> None:
        self._server = server
        self._writer = writer
        self._door = Door(lambda all_: writer.call(lambda unit: intake.ingest(unit, all_)))
        self._pool = pool
        self._holder = secrets.token_hex(8)  # this opening of the journal, as a sender of letters
        self.clock = clock
        self.name = ""

    async def ingest(
        self, batch: Sequence[Seen], now: float, reception: Reception = QUIET
    ) -> Ingested:
        return await self._door.ingest(Delivery(batch, now, reception))

    async def quarantine(self, source: str, why: str, body: str, now: float) -> None:
        sql = "INSERT INTO quarantine (at, source, why, body) VALUES ($1, $2, $3, $4)"
        values = (now, plain(source), plain(why), plain(body))
        await self._writer.call(lambda unit: unit.db.execute(sql, *values))

    async def claim(self, owner: str, now: float, lease: float, limit: int) -> tuple[Claim, ...]:
        return await self._ask(
            lambda db: incidents.claim(db, owner, now, lease, limit), "cannot be claimed from"
        )

    async def renew(self, claims: Sequence[Claim], until: float) -> frozenset[int]:
        try:
            async with asyncio.timeout(PATIENCE):
                kept = await self._writer.call(
                    lambda unit: incidents.renew(unit, claims, until, self._holder)
                )
                await self._ask(self.clock.read)
        except TimeoutError as error:
            raise self._server.unavailable("did not answer a heartbeat in time", error) from error
        return kept

    async def move(self, claim: Claim, move: Move, now: float) -> None:
        await self._writer.call(lambda unit: incidents.move(unit, claim, move, now))

    async def gate(self, claim: Claim, question: Question, rule: Rule) -> Ruling:
        return await self._writer.call(lambda unit: runs.gate(unit, claim, question, rule))

    async def end(self, claim: Claim, ended: Ended, move: Move, now: float) -> None:
        await self._writer.call(lambda unit: runs.end(unit, claim, ended, move, now))

    async def command(
        self, incident: int, change: Change, now: float, unheard: float | None = None
    ) -> Incident:
        return await self._writer.call(
            lambda unit: incidents.command(unit, incident, change, now, unheard)
        )

    async def record(self, events: Sequence[Event], letters: Sequence[Letter], now: float) -> None:
        await self._writer.call(lambda unit: incidents.record(unit, events, letters, now))

    async def postings(self, channel: str, now: float, limit: int) -> tuple[Posting, ...]:
        return await self._ask(
            lambda db: outbox.postings(db, channel, now, limit, self._holder), "gives no letters"
        )

    async def posted(self, posting: Posting, event: Event, now: float, thread: str = "") -> None:
        await self._writer.call(lambda unit: outbox.posted(unit, posting, event, now, thread))

    async def postpone(self, posting: Posting, due: float, error: str) -> None:
        await self._writer.call(
            lambda unit: outbox.postpone(unit, posting, due, error, self._holder)
        )

    async def bury(
        self, posting: Posting, error: str, now: float, letters: Sequence[Letter] = ()
    ) -> None:
        grave = outbox.Grave(posting, error, letters)
        await self._writer.call(lambda unit: outbox.bury(unit, grave, now, self._holder))

    async def open_by_hand(self, draft: Draft, by: str, now: float) -> int:
        return await self._writer.call(lambda unit: operator.open_by_hand(unit, draft, by, now))

    async def open_window(self, window: Window, now: float) -> int:
        return await self._writer.call(lambda unit: operator.open_window(unit, window, now))

    async def close_window(self, window: int, by: str, now: float) -> bool:
        return await self._writer.call(lambda unit: operator.close_window(unit, window, by, now))

    async def windows(self, now: float) -> tuple[Window, ...]:
        return await self._ask(partial(operator.windows, now=now))

    async def pause(self, by: str, reason: str, now: float) -> None:
        await self._writer.call(lambda unit: incidents.pause(unit, by, reason, now))

    async def resume(self, by: str, now: float) -> None:
        await self._writer.call(lambda unit: incidents.resume(unit, by, now))

    async def confirm(self, muted: Mapping[str, str], now: float) -> None:
        await self._writer.call(lambda unit: intake.confirm(unit, muted, now))

    async def remember(self, key: str, value: str) -> None:
        await self._writer.call(lambda unit: incidents.remember(unit, key, value))

    async def recall(self, key: str) -> str | None:
        return await self._ask(partial(reads.recall, key=plain(key)))

    async def frozen(self) -> tuple[Freeze, ...]:
        return await self._ask(freezes.frozen)

    async def thaw(self, now: float) -> tuple[str, ...]:
        return await self._writer.call(lambda unit: freezes.thaw(unit, now))

    async def unheard(self, since: float) -> tuple[int, ...]:
        return await self._ask(partial(incidents.unheard, since=since))

    async def tick(self, name: str, at: float) -> bool:
        return await self._writer.call(lambda unit: retention.tick(unit, name, at))

    async def open_scheduled(
        self, drafts: Sequence[Draft], schedule: str, at: float, now: float
    ) -> tuple[int, ...] | None:
        return await self._writer.call(
            lambda unit: operator.open_scheduled(unit, drafts, schedule, at, now)
        )

    async def prune(self, before: float, most: int, now: float) -> int:
        return await self._writer.call(lambda unit: retention.prune(unit, before, most, now))

    async def compact(self) -> int:
        return 0  # autovacuum does

    async def open_run(self, incident: int) -> Run | None:
        return await self._ask(partial(runs.open_run, incident=incident))

    async def open_alerts(self) -> tuple[OpenAlert, ...]:
        return await self._ask(reads.open_alerts)

    async def incident(self, incident: int) -> Incident | None:
        return await self._ask(partial(reads.incident, number=incident))

    async def these(self, incidents: Collection[int]) -> Mapping[int, Incident]:
        return await self._ask(partial(reads.these, numbers=incidents))

    async def incidents(self, page: Page) -> tuple[Incident, ...]:
        return await self._ask(partial(reads.incidents, page=page))

    async def alerts(self, incident: int) -> tuple[IncidentAlert, ...]:
        return await self._ask(partial(reads.alerts, number=incident))

    async def counts(self) -> Mapping[str, int]:
        return await self._ask(reads.counts)

    async def next_due(self) -> float | None:
        return await self._ask(reads.next_due)

    async def backlog(self) -> Mapping[str, Backlog]:
        return await self._ask(outbox.backlog)

    async def paused(self) -> str | None:
        return await self._ask(incidents.paused)

    async def export(self, incident: int | None = None) -> AsyncIterator[str]:
        """Every row as one JSON line, in order; rows written meanwhile are included."""
        after = 0
        while True:
            after, lines = await self._ask(partial(reads.export, after=after, number=incident))
            if not lines:
                return
            for row in lines:
                yield row

    async def verify(self) -> Chain:
        return await self._ask(reads.verify)

    async def close(self) -> None:
        """Finishes what was asked for, as far as the server answers, and closes every connection.

        What we held is free when its lease is over.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._door.finish()
                await self._writer.stop()
                await self._pool.close()
        self._pool.terminate()

    async def _ask(
        self, question: Callable[[Database], Awaitable[T]], what: str = "cannot be read"
    ) -> T:
        if self._writer.closed:
            raise JournalUnavailable("the journal is closed")
        with self._server.translated(what):
            async with self._pool.acquire(timeout=PATIENCE) as db:
                return await question(db)


async def open_journal(url: str, clock: Clock) -> PostgresJournal:
    """Opens (and migrates) the journal; `clock` is our own, the journal's becomes that of all who share it.

    Nothing is taken over at once: others live. What a dead one had claimed is due when its lease is over.
    """
    server, shared = Server(url), DatabaseClock(clock)
    with server.translated("cannot be opened"):
        db = await server.connect()
        try:
            name = await migrate(db)
            await shared.read(db)
            pool = await server.pool(QUESTIONS)
        except BaseException:
            db.terminate()
            raise
    writer = Writer(server)
    writer.start(db)
    journal = PostgresJournal(server, writer, pool, shared)
    journal.name = name
    return journal
