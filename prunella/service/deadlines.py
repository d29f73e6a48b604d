"""Closes connections whose client is too slow, which aiohttp would hold for ever.

A Guard stands between the transport and aiohttp's own protocol. It knows only two things, bytes that pass through it
and requests that `web` says have begun or ended, so it needs nothing of aiohttp's insides.

It aborts instead of answering 408: to Alertmanager a 4xx is final and the alert is lost, a broken connection is
tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from prunella.metrics import Counter

_CLOSED = Counter(
    "prunella_slow_connections_closed_total",
    "Connections closed for being too slow.",
    ["waiting_for"],
)


_TICK = 0.001  # a loop counts in these, so that its timer may be as much too early


class Content(Protocol):
    """A body that may still be on its way: aiohttp's, or one that is gathered by `express`."""

    def is_eof(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client may take, in seconds; a body may take longer by its size over `body_rate` bytes/s."""

    header: float = 5.0
    body: float = 10.0
    body_rate: float = 64 * 1024
    idle: float = 75.0  # between two requests
    write: float = 30.0  # to take what we have written


class Guard(asyncio.Protocol):
    """One connection's clock. Everything else is handed on to `inner`.

    A request sets three deadlines that it never reaches, so they are moments and not timers: one timer looks at the
    moment in force, at the latest when the shortest wait that could have begun meanwhile would be over.
    """

    def __init__(self, inner: asyncio.Protocol, deadlines: Deadlines) -> None:
        self._inner = inner
        self._deadlines = deadlines
        self._shortest = min(deadlines.header, deadlines.body, deadlines.idle)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._content: Content | None = None
        self._until: float | None = None  # None waits for nothing that the client has to do
        self._ends: Callable[[], None] = self._header_is_late
        self._body_since = 0.0
        self._idle = False
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._inner.connection_made(transport)
        self._expect_header()
        self._look_again()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._idle:
            self._expect_header()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.resume_writing()
        self._transport = self._content = self._timer = None
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._writing = self._loop.call_later(self._deadlines.write, self._close, "write")
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
            self._inner.resume_writing()

    def request_began(self, content: Content) -> None:
        """A whole header has come; what may still come is the body, `content`."""
        self._content = content
        self._received = 0
        self._idle = False
        self._until = None
        if not content.is_eof():
            self._body_since = self._loop.time()
            self._wait(self._deadlines.body, self._look_at_body)

    def request_ended(self) -> None:
        """The answer is made. Another request may follow, unless this one's body is still to come: then the clock
        of the body goes on while aiohttp throws the rest away."""
        if self._content is None or not self._content.is_eof():
            return
        self._idle = True
        self._expect_request()

    def held_up(self) -> None:
        """It is we who are slow: nothing that the client has to do is waited for."""
        self._until, self._idle = None, False

    def goes_on(self) -> None:
        """The rest of a header has to come."""
        self._expect_header()

    def _expect_request(self) -> None:
        self._wait(self._deadlines.idle, self._look_at_silence)

    def _look_at_silence(self) -> None:
        if self._writing is not None:  # not idle: the last answer is still on its way
            self._expect_request()
        else:
            self._close("request")

    def _expect_header(self) -> None:
        self._idle = False
        self._wait(self._deadlines.header, self._header_is_late)

    def _header_is_late(self) -> None:
        self._close("header")

    def _look_at_body(self) -> None:
        if self._content is None or self._transport is None or self._content.is_eof():
            self._until = None
            return
        if not self._transport.is_reading():  # it is we who are slow
            self._body_since, self._received = self._loop.time(), 0
        allowed = self._deadlines.body + self._received / self._deadlines.body_rate
        if self._loop.time() >= self._body_since + allowed:
            self._close("body")
        else:
            self._until = self._body_since + allowed

    def _wait(self, seconds: float, ends: Callable[[], None]) -> None:
        self._until, self._ends = self._loop.time() + seconds, ends

    def _look(self) -> None:
        """The timer: has the moment come?"""
        if self._until is not None and self._loop.time() >= self._until - _TICK:
            self._ends()
        if self._transport is not None:
            self._look_again()

    def _look_again(self) -> None:
        at = self._loop.time() + self._shortest
        self._timer = self._loop.call_at(
            at if self._until is None else min(at, self._until), self._look
        )

    def _close(self, waiting_for: str) -> None:
        _CLOSED.labels(waiting_for).inc()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


class Unguarded:
    """The clock of a connection that is closed already."""

    def request_began(self, _: Content) -> None:
        """Nobody waits."""

    def request_ended(self) -> None:
        """Nobody waits."""

    def held_up(self) -> None:
        """Nobody waits."""

    def goes_on(self) -> None:
        """Nobody waits."""


def guard_of(transport: asyncio.BaseTransport | None) -> Guard | Unguarded:
    """The connection's clock, to be told when a request begins and ends; one that is gone has none any more."""
    guard = transport.get_protocol() if transport is not None else None
    return guard if isinstance(guard, Guard) else Unguarded()
