"""The journal in one SQLite file: WAL, `synchronous=FULL`, one writer thread, one reader. For one receiver.

A second receiver on the same file is refused by a lock that dies with the process that holds it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

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
from receiver.journal.mail import DIGEST
from receiver.journal.sqlite import (
    freezes,
    incidents,
    intake,
    operator,
    outbox,
    reads,
    retention,
    runs,
)
from receiver.journal.sqlite.history import SqliteHistory
from receiver.journal.sqlite.ledger import SqliteLedger
from receiver.journal.sqlite.schema import FileLock, connect
from receiver.journal.sqlite.sessions import SqliteSessions
from receiver.journal.sqlite.trust import SqliteTrust
from receiver.journal.sqlite.views import SqliteViews
from receiver.journal.sqlite.writer import Writer

T = TypeVar("T")


class SqliteJournal(SqliteLedger, SqliteTrust, SqliteSessions, SqliteViews, SqliteHistory):
    """Implements `receiver.journal.Journal`. Made by `open_journal`."""

    def __init__(self, writer: Writer, file: Path | None, lock: FileLock | None) -> None:
        self._writer = writer
        self._file = file
        self._lock = lock
        self._reader: sqlite3.Connection | None = None
        self._pool = ThreadPoolExecutor(1, "journal-reader")
        self._door = Door(lambda all_: writer.walk(lambda db: intake.ingest(db, all_)))
        self.name = ""

    async def ingest(
        self, batch: Sequence[Seen], now: float, reception: Reception = QUIET
    ) -> Ingested:
        return await self._door.ingest(Delivery(batch, now, reception))

    async def quarantine(self, source: str, why: str, body: str, now: float) -> None:
        sql = "INSERT INTO quarantine (at, source, why, body) VALUES (?, ?, ?, ?)"
        await self._writer.call(lambda db: db.execute(sql, (now, source, why, body)).rowcount)

    async def claim(self, owner: str, now: float, lease: float, limit: int) -> tuple[Claim, ...]:
        return await self._writer.call(
            lambda db: incidents.claim(db, owner, now, lease, limit), durable=False
        )

    async def renew(self, claims: Sequence[Claim], until: float) -> frozenset[int]:
        return await self._writer.call(lambda db: incidents.renew(db, claims, until), durable=False)

    async def move(self, claim: Claim, move: Move, now: float) -> None:
        await self._writer.call(lambda db: incidents.move(db, claim, move, now))

    async def gate(self, claim: Claim, question: Question, rule: Rule) -> Ruling:
        return await self._writer.call(lambda db: runs.gate(db, claim, question, rule))

    async def end(self, claim: Claim, ended: Ended, move: Move, now: float) -> None:
        await self._writer.call(lambda db: runs.end(db, claim, ended, move, now))

    async def command(
        self, incident: int, change: Change, now: float, unheard: float | None = None
    ) -> Incident:
        return await self._writer.call(
            lambda db: incidents.command(db, incident, change, now, unheard)
        )

    async def record(self, events: Sequence[Event], letters: Sequence[Letter], now: float) -> None:
        await self._writer.call(lambda db: incidents.record(db, events, letters, now))

    async def posted(self, posting: Posting, event: Event, now: float, thread: str = "") -> None:
        await self._writer.call(lambda db: outbox.posted(db, posting, event, now, thread))

    async def postpone(self, posting: Posting, due: float, error: str) -> None:
        await self._writer.call(lambda db: outbox.postpone(db, posting, due, error))

    async def bury(
        self, posting: Posting, error: str, now: float, letters: Sequence[Letter] = ()
    ) -> None:
        await self._writer.call(lambda db: outbox.bury(db, posting, error, now, letters))

    async def open_by_hand(self, draft: Draft, by: str, now: float) -> int:
        return await self._writer.call(lambda db: operator.open_by_hand(db, draft, by, now))

    async def open_window(self, window: Window, now: float) -> int:
        return await self._writer.call(lambda db: operator.open_window(db, window, now))

    async def close_window(self, window: int, by: str, now: float) -> bool:
        return await self._writer.call(lambda db: operator.close_window(db, window, by, now))

    async def windows(self, now: float) -> tuple[Window, ...]:
        return await self._read(partial(operator.windows, now=now))

    async def pause(self, by: str, reason: str, now: float) -> None:
        await self._writer.call(lambda db: incidents.pause(db, by, reason, now))

    async def resume(self, by: str, now: float) -> None:
        await self._writer.call(lambda db: incidents.resume(db, by, now))

    async def frozen(self) -> tuple[Freeze, ...]:
        return await self._read(freezes.frozen)

    async def thaw(self, now: float) -> tuple[str, ...]:
        return await self._writer.call(lambda db: freezes.thaw(db, now))

    async def unheard(self, since: float) -> tuple[int, ...]:
        return await self._read(partial(incidents.unheard, since=since))

    async def tick(self, name: str, at: float) -> bool:
        return await self._writer.call(lambda db: retention.tick(db, name, at))

    async def open_scheduled(
        self, drafts: Sequence[Draft], schedule: str, at: float, now: float
    ) -> tuple[int, ...] | None:
        return await self._writer.call(
            lambda db: operator.open_scheduled(db, drafts, schedule, at, now)
        )

    async def prune(self, before: float, most: int, now: float) -> int:
        return await self._writer.call(lambda db: retention.prune(db, before, most, now))

    async def compact(self) -> int:
        return await self._writer.call(retention.compact)

    async def open_run(self, incident: int) -> Run | None:
        return await self._read(partial(runs.open_run, incident=incident))

    async def open_alerts(self) -> tuple[OpenAlert, ...]:
        return await self._read(intake.open_alerts)

    async def confirm(self, muted: Mapping[str, str], now: float) -> None:
        await self._writer.call(lambda db: intake.confirm(db, muted, now))

    async def remember(self, key: str, value: str) -> None:
        sql = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
        await self._writer.call(lambda db: db.execute(sql, (key, value)).rowcount)

    async def recall(self, key: str) -> str | None:
        sql = "SELECT value FROM meta WHERE key = ?"
        row = await self._read(lambda db: db.execute(sql, (key,)).fetchone())
        return None if row is None else str(row["value"])

    async def incident(self, incident: int) -> Incident | None:
        return await self._read(partial(reads.incident, number=incident))

    async def these(self, incidents: Collection[int]) -> Mapping[int, Incident]:
        return await self._read(partial(reads.these, numbers=incidents))

    async def incidents(self, page: Page) -> tuple[Incident, ...]:
        return await self._read(partial(reads.incidents, page=page))

    async def alerts(self, incident: int) -> tuple[IncidentAlert, ...]:
        return await self._read(partial(reads.alerts, number=incident))

    async def counts(self) -> Mapping[str, int]:
        return await self._read(reads.counts)

    async def next_due(self) -> float | None:
        return await self._read(reads.next_due)

    async def postings(self, channel: str, now: float, limit: int) -> tuple[Posting, ...]:
        due = await self._read(partial(outbox.postings, channel=channel, now=now, limit=limit))
        if not any(posting.letter.event == DIGEST for posting in due):
            return due
        return await self._writer.call(lambda db: outbox.sealed(db, channel, now, limit))

    async def backlog(self) -> Mapping[str, Backlog]:
        return await self._read(outbox.backlog)

    async def paused(self) -> str | None:
        return await self._read(incidents.paused)

    async def export(self, incident: int | None = None) -> AsyncIterator[str]:
        """Every row as one JSON line, in order; rows written meanwhile are included."""
        after = 0
        while True:
            after, lines = await self._read(partial(reads.export, after=after, number=incident))
            if not lines:
                return
            for row in lines:
                yield row

    async def verify(self) -> Chain:
        """On a connection of its own: years of rows take seconds, and nobody else shall wait for them."""
        if self._writer.memory is not None or self._writer.closed:
            return await self._writer.call(reads.verify)
        return await asyncio.to_thread(self._verify_apart)

    async def close(self) -> None:
        """Finishes what was asked for, closes the file and frees the lock."""
        await self._door.finish()
        await self._writer.stop()
        await asyncio.to_thread(self._pool.shutdown)
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._lock is not None:
            self._lock.release()

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer.memory is not None or self._writer.closed:
            return await self._writer.call(question)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._ask, question)

    def _verify_apart(self) -> Chain:
        try:
            with closing(connect(self._file, read_only=True)) as apart:
                apart.execute("BEGIN")  # of one moment, whatever goes meanwhile
                return reads.verify(apart)
        except sqlite3.Error as error:
            raise JournalUnavailable(f"the journal cannot be read: {error}") from error

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._reader is None:
                self._reader = connect(self._file, read_only=True)
            return question(self._reader)
        except sqlite3.Error as error:
            if self._reader is not None:
                self._reader.close()
            self._reader = None
            raise JournalUnavailable(f"the journal cannot be read: {error}") from error


async def open_journal(file: Path | None, now: float) -> SqliteJournal:
    """Opens (and makes, and migrates) the file; None keeps everything in memory. What a dead process had claimed is
    due at once. Raises JournalInUse or JournalUnavailable."""
    lock = FileLock(file) if file is not None else None
    writer = Writer(file)
    journal = SqliteJournal(writer, file, lock)
    try:
        writer.start()
    except (sqlite3.Error, OSError, JournalUnavailable) as error:
        if lock is not None:
            lock.release()
        raise JournalUnavailable(f"cannot open the journal {file}: {error}") from error
    try:
        journal.name = await writer.call(
            lambda db: str(db.execute("SELECT value FROM meta WHERE key = 'name'").fetchone()[0])
        )
        await writer.call(lambda db: incidents.take_over(db, now))
    except JournalUnavailable:
        await journal.close()
        raise
    return journal
