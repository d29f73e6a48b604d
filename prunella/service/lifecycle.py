"""From the first signal to the last: a service runs until SIGTERM or SIGINT and is gone ten seconds later at most.

Signals are taken by the interpreter, not by the event loop, so that even a loop that something blocks comes to its end.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import FrameType

from prunella.eventloop import watch_event_loop
from prunella.logs import create_logger
from prunella.service.lookups import ignore_forgotten_lookups
from prunella.service.settings import ConfigError
from prunella.service.tasks import Tasks
from prunella.service.web import Service
from prunella.version import version

LAST_RESORT = 9.5  # seconds after the signal
_SELDOM = 10_000  # things that were made and did not go, before the collector looks

_log = create_logger(__name__)


async def run(
    name: str,
    started: AbstractAsyncContextManager[Service],
    reload: Callable[[], Awaitable[None]],
    last_resort: float = LAST_RESORT,
) -> None:
    """Starts the service, serves, and stops it in the reverse order. Raises ConfigError if it cannot listen.

    `last_resort` seconds after the signal the process ends, whatever still holds it.
    """
    ignore_forgotten_lookups(asyncio.get_running_loop())
    tasks = Tasks()
    stop = asyncio.Event()
    giving_up = threading.Timer(last_resort, _give_up)
    giving_up.daemon = True
    with _signals(stop.set, lambda: tasks.start("reload", lambda: _reload(reload)), giving_up):
        try:
            async with started as service, service.serving() as address:
                tasks.start("event loop lag", watch_event_loop)
                _settle_memory()
                _log.info("listening", service=name, address=str(address), version=version())
                await stop.wait()
                _log.info("stopping", service=name)
        finally:
            await tasks.stop(timeout=1.0)


def _settle_memory() -> None:
    """What was made to start lives as long as the process: the collector shall not walk it again and again.

    And it shall come seldom: a request makes hundreds of things that go by themselves, and hardly any that it has to find.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_SELDOM)


async def _reload(reload: Callable[[], Awaitable[None]]) -> None:
    try:
        await reload()
    except ConfigError:
        _log.error("reload refused: the old config stays in force")


@contextmanager
def _signals(
    stop: Callable[[], None], reload: Callable[[], None], giving_up: threading.Timer
) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def on_stop(_: int, __: FrameType | None) -> None:
        if giving_up.ident is None:
            giving_up.start()
        loop.call_soon_threadsafe(stop)

    def on_reload(_: int, __: FrameType | None) -> None:
        loop.call_soon_threadsafe(reload)

    handlers = {signal.SIGTERM: on_stop, signal.SIGINT: on_stop, signal.SIGHUP: on_reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _give_up() -> None:
    """Ends the process although something in it does not: what matters has been committed before."""
    _log.error("did not stop in time: the process is ended")
    logging.shutdown()
    os._exit(1)
