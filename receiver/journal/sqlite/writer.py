"""The one thread that writes to the SQLite file.

Whatever is asked for while a commit is on its way shares the next one, so `synchronous=FULL` costs one sync for a
whole burst (measured: group commit makes FULL as fast as NORMAL under load). Each request runs in a savepoint of its
own, unless it is alone: one that fails leaves its neighbours whole.

What a request has to work out for long is done on the loop of whoever asked, while this thread waits. Python runs one
thread at a time: two that both want to run take turns at each system call, and half of what a small delivery cost was
taking turns. So this thread keeps to what SQLite does by itself, beside the loop and not against it.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from receiver.journal import JournalUnavailable
from receiver.journal.sqlite.schema import Identity, connect, create

T = TypeVar("T")
Errand = Callable[[], object]  # what is worked out on the loop
Steps = Generator[Errand, Any, T]  # work that gives an errand now and then and is handed its result
BATCH = 512
PATIENCE = 1.0  # seconds after which a loop that does not answer is asked whether it still runs
# what one request may do wrong by itself; any other error of SQLite (full, unreadable, malformed) is the file's
_OWN_FAULT = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)


@dataclass(slots=True)
class _Request:
    work: Callable[[sqlite3.Connection], Any]  # gives a result, or Steps that give one
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    durable: bool = True
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Hands the result to whoever waits; on that one's own loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs functions on the connection, in order, many to a transaction. `call` returns after the sync."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal-writer", daemon=True)
        self._connection: sqlite3.Connection | None = None
        self._identity: Identity | None = None
        self.closed = False
        self._syncs = True  # connect() opens with synchronous=FULL

    def start(self) -> None:
        """Makes and opens the file (errors show here, not at the first write) and begins to work."""
        if self._file is not None:
            create(self._file)
            self._identity = Identity(self._file)
        self._connection = connect(self._file)
        self._thread.start()

    @property
    def memory(self) -> sqlite3.Connection | None:
        """The connection itself when the journal lives in memory and cannot be opened twice."""
        return self._connection if self._file is None else None

    async def walk(self, work: Callable[[sqlite3.Connection], Steps[T]]) -> T:
        """The same for work that has errands."""
        found: T = await self._ask(work, durable=True)
        return found

    async def call(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Runs `work` and returns its result once it is durable. Raises JournalUnavailable or what `work` raised.

        What is not `durable` (a lease, and nothing that anybody was told) survives the death of the process but may be
        forgotten in a power cut; it costs no sync of its own.
        """
        found: T = await self._ask(work, durable=durable)
        return found

    async def stop(self) -> None:
        """Finishes what was asked for and closes the file."""
        if not self.closed:
            self.closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _ask(self, work: Callable[[sqlite3.Connection], Any], *, durable: bool) -> Any:
        if self.closed:
            raise JournalUnavailable("the journal is closed")
        loop = asyncio.get_running_loop()
        request = _Request(work, loop.create_future(), loop, durable)
        self._queue.put(request)
        return await request.future

    def _work(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                break
            batch = [first]
            last = self._gather(batch)
            self._commit(batch)
            _answer(batch)
            if last:
                break
        if self._connection is not None:
            self._connection.close()

    def _gather(self, batch: list[_Request]) -> bool:
        """Adds what already waits; True when the queue was closed."""
        while len(batch) < BATCH:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                return False
            if more is None:
                return True
            batch.append(more)
        return False

    def _commit(self, batch: list[_Request]) -> None:
        try:
            self._check_file()
            if self._connection is None:
                self._connection, self._syncs = connect(self._file), True
            self._sync(self._connection, durable=any(request.durable for request in batch))
            self._connection.execute("BEGIN IMMEDIATE")
            alone = len(batch) == 1
            for request in batch:
                self._run(self._connection, request, alone=alone)
            # asking whether a transaction is open would hide one that SQLite itself has rolled back
            self._connection.execute("ROLLBACK" if alone and batch[0].error else "COMMIT")
            self._check_file()
        except (sqlite3.Error, JournalUnavailable) as error:
            self._abandon()
            for request in batch:
                request.error = JournalUnavailable(f"the journal cannot be written: {error}")

    def _sync(self, connection: sqlite3.Connection, *, durable: bool) -> None:
        """FULL syncs the log at every commit; NORMAL leaves it to the next one that does."""
        if durable is not self._syncs:
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._syncs = durable

    def _check_file(self) -> None:
        """Before anything is written, and again before it is acknowledged."""
        if self._identity is not None:
            self._identity.check()

    def _run(self, connection: sqlite3.Connection, request: _Request, *, alone: bool) -> None:
        """One that is alone needs no savepoint, for which SQLite would copy each page that it changes."""
        if not alone:
            connection.execute("SAVEPOINT request")
        try:
            result = request.work(connection)
            if isinstance(result, Generator):
                result = _walk(result, request.loop)
            request.result = result
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not isinstance(error, _OWN_FAULT):
                raise  # the file itself is in trouble: the whole batch is refused
            request.error = error  # it is not swallowed: the waiting caller gets it
            if not alone:
                connection.execute("ROLLBACK TO request")
        if not alone:
            connection.execute("RELEASE request")

    def _abandon(self) -> None:
        """Forgets a connection that failed; the next batch opens the file anew. Memory cannot be opened again."""
        if self._connection is None:
            return
        if self._file is None:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return
        self._connection.close()
        self._connection = None


def _walk(steps: Steps[T], loop: asyncio.AbstractEventLoop) -> T:
    """Goes through the steps, each errand on the loop."""
    try:
        errand = next(steps)
        while True:
            errand = steps.send(_on(loop, errand))
    except StopIteration as end:
        found: T = end.value
        return found


def _on(loop: asyncio.AbstractEventLoop, errand: Errand) -> object:
    """What comes of the errand, or its error. Raises JournalUnavailable when the loop is gone."""
    done: queue.SimpleQueue[asyncio.Task[object]] = queue.SimpleQueue()

    async def run() -> object:
        return errand()

    with suppress(RuntimeError):  # asking it first whether it is closed would leave a gap
        loop.call_soon_threadsafe(lambda: loop.create_task(run()).add_done_callback(done.put))
    while not loop.is_closed():
        with suppress(queue.Empty):
            return done.get(timeout=PATIENCE).result()
    raise JournalUnavailable("whoever asked is gone")


def _answer(batch: list[_Request]) -> None:
    """One wake-up for each loop that waits; a loop that is gone needs none."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Request]] = {}
    for request in batch:
        by_loop.setdefault(request.loop, []).append(request)
    for loop, requests in by_loop.items():
        with suppress(RuntimeError):  # asking it first whether it is closed would leave a gap
            loop.call_soon_threadsafe(_settle_all, requests)


def _settle_all(requests: list[_Request]) -> None:
    for request in requests:
        request.settle()
