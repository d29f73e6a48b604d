"""The one task that writes, and the one lock under which all receivers write.

Whatever is asked for while a commit is on its way shares the next transaction, each request in a savepoint of its own.
A transaction begins with an advisory lock that every receiver takes: the audit chain has one end, and the guards must
read facts that nobody changes before their ruling is written. So writers wait in one line, hold nothing while they wait,
and can neither deadlock nor permit the same thing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from receiver.journal import Event, JournalUnavailable
from receiver.journal.chain import chained
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.session import TROUBLE, Connection, Server, is_trouble

T = TypeVar("T")
BATCH = 512
LOCK = 0x5072756E656C6C61  # "Prunella": one number for every receiver


class Unit:
    """One transaction of the writer: its connection, and the end of the audit chain."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self._tail: tuple[int, str] | None = None
        self._written: tuple[int, str] | None = None

    async def append(self, events: Sequence[tuple[float, Event]]) -> None:
        """Adds audit rows to the chain."""
        if not events:
            return
        seq, digest = self._tail or await self._end()
        rows = chained(seq, digest, ((at, Event(plain(one.ev), one.data)) for at, one in events))
        await self.db.execute(
            "INSERT INTO event (seq, t, ev, incident, data, hash) SELECT * FROM unnest($1::bigint[],"
            " $2::double precision[], $3::text[], $4::bigint[], $5::text[], $6::text[])",
            *map(list, zip(*rows, strict=True)),
        )
        self._tail = rows[-1][0], rows[-1][-1]

    async def run(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        """`work` in a savepoint: if it fails, nothing of it is left, here neither."""
        before = self._tail
        try:
            async with self.db.transaction():
                return await work(self)
        except BaseException:
            self._tail = before
            raise

    async def finish(self) -> None:
        """Writes the chain's new end; the last thing before the commit."""
        if self._tail != self._written and self._tail is not None:
            await self.db.execute("UPDATE chain SET seq = $1, hash = $2", *self._tail)

    async def _end(self) -> tuple[int, str]:
        row = await self.db.fetchrow("SELECT seq, hash FROM chain")
        assert row is not None  # noqa: S101 - the migration wrote it
        self._written = row["seq"], row["hash"]
        return self._written


Work = Callable[[Unit], Awaitable[T]]


@dataclass(slots=True)
class _Request:
    work: Work[Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Hands the result to whoever waits."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs functions in order, many to a transaction. `call` returns after the commit."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._queue: asyncio.Queue[_Request | None] = asyncio.Queue()
        self._db: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    def start(self, db: Connection) -> None:
        """Begins to work on a connection that is already open."""
        self._db = db
        self._task = asyncio.create_task(self._work(), name="journal-writer")

    async def call(self, work: Work[T]) -> T:
        """Runs `work` and returns its result once it is durable. Raises JournalUnavailable or what `work` raised."""
        if self.closed:
            raise JournalUnavailable("the journal is closed")
        request = _Request(work, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(request)
        result: T = await request.future
        return result

    async def stop(self) -> None:
        """Finishes what was asked for and closes the connection."""
        if not self.closed:
            self.closed = True
            self._queue.put_nowait(None)
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        batch: list[_Request] = []
        last = False
        try:
            while not last:
                first = await self._queue.get()
                if first is None:
                    break
                batch = [first]
                last = self._gather(batch)
                await self._commit(batch)
                for request in batch:
                    request.settle()
        finally:
            self._leave(batch)

    def _gather(self, batch: list[_Request]) -> bool:
        """Adds what already waits; True when the queue was closed."""
        while len(batch) < BATCH and not self._queue.empty():
            more = self._queue.get_nowait()
            if more is None:
                return True
            batch.append(more)
        return False

    async def _commit(self, batch: list[_Request]) -> None:
        try:
            if self._db is None or self._db.is_closed():
                self._db = await self._server.connect()
            async with self._db.transaction():
                await self._db.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
                unit = Unit(self._db)
                for request in batch:
                    await _run(unit, request)
                await unit.finish()
        except TROUBLE as error:
            self._abandon()
            for request in batch:
                request.error = self._server.unavailable("cannot be written", error)

    def _leave(self, batch: list[_Request]) -> None:
        """However the work ends, nobody waits for it any longer."""
        self.closed = True
        self._gather(batch)
        for request in batch:
            request.error = JournalUnavailable("the journal is closed")
            request.settle()
        self._abandon()

    def _abandon(self) -> None:
        """Forgets a connection that failed, without waiting for it; the next batch makes a new one."""
        if self._db is not None:
            self._db.terminate()
        self._db = None


async def _run(unit: Unit, request: _Request) -> None:
    said = await outcome(unit, request.work)
    if isinstance(said, Exception):
        request.error = said
    else:
        request.result = said


async def outcome(unit: Unit, work: Work[T]) -> T | Exception:
    """What `work` returned or raised, for whoever waits for it. Raises when the connection is at fault."""
    try:
        return await unit.run(work)
    except Exception as error:
        if is_trouble(error):
            raise  # the whole batch is refused
        return error  # it is not swallowed: the waiting caller gets it
