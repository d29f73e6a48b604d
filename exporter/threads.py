"""Blocking calls that may never come back: each in a daemon thread of its own.

A pool would fill up with calls that hang (a dead mount, a name server that is gone) until nothing else gets a turn, and
Python waits for a pool's threads before it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
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


def in_thread(call: Callable[[], T]) -> asyncio.Future[T]:
    """Begins `call` now; the future is its result. Cancelling it abandons the thread."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def run() -> None:
        with _Settling(future) as results:
            results.append(call())

    threading.Thread(target=run, name="exporter-read", daemon=True).start()
    return future
