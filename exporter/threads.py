"""Blocking calls that may never come back: each in a daemon thread that nobody else waits for.

A pool of so many threads would fill up with calls that hang (a dead mount, a name server that is gone) until nothing else
gets a turn, and Python waits for a pool's threads before it ends. Here a call takes a thread that has nothing to do, and
where there is none a new one; a thread that has had nothing to do for a while ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class _Settling(Generic[T]):
    """Carries the end of a block, however it ends, from its thread to the future on the loop."""

    def __init__(self, future: asyncio.Future[T]) -> None:
        self._future = future
        self._results: list[T] = []

    def __enter__(self) -> list[T]:
        return self._results

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        # The loop may have ended in the meantime, with nobody left to tell.
        with contextlib.suppress(RuntimeError):
            self._future.get_loop().call_soon_threadsafe(self._settle, error)
        return True

    def _settle(self, error: BaseException | None) -> None:
        if self._future.done():
            return
        if error is not None:
            self._future.set_exception(error)
        else:
            self._future.set_result(self._results[0])


class Threads:
    """Those that wait for something to do, the latest first: what was just used is still in the caches."""

    def __init__(self, longest_idle: float) -> None:
        self._longest_idle = longest_idle
        self._idle: list[SimpleQueue[Callable[[], None]]] = []
        self._changing = threading.Lock()

    def run(self, call: Callable[[], None], name: str = "exporter-read") -> None:
        with self._changing:
            jobs = self._idle.pop() if self._idle else None
        if jobs is not None:
            jobs.put(call)
            return
        jobs = SimpleQueue()
        jobs.put(call)
        threading.Thread(target=self._work, args=(jobs,), name=name, daemon=True).start()

    def _work(self, jobs: SimpleQueue[Callable[[], None]]) -> None:
        while call := self._next(jobs):
            call()
            del call  # what it holds may be large, and the next one may come late
            with self._changing:
                self._idle.append(jobs)

    def _next(self, jobs: SimpleQueue[Callable[[], None]]) -> Callable[[], None] | None:
        """None when the thread may end, because it is no longer among those that are given calls."""
        with contextlib.suppress(Empty):
            return jobs.get(timeout=self._longest_idle)
        with self._changing:
            if jobs in self._idle:
                self._idle.remove(jobs)
                return None
        return jobs.get()  # it is being given one right now


_threads = Threads(longest_idle=60.0)


def in_thread(call: Callable[[], T]) -> asyncio.Future[T]:
    """Begins `call` now; the future is its result. Cancelling it abandons the thread."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def run() -> None:
        with _Settling(future) as results:
            results.append(call())

    _threads.run(run)
    return future
