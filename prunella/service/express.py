"""The ordinary request, answered without aiohttp; whatever is unusual about one is left to aiohttp.

aiohttp takes a request apart for everything that a handler could ask for, which costs more than to read, judge and
store an alert. What such a route needs is little: who asks, and the body. So a connection is served here as long as
all it sends is that, spelled as programs spell it; from the first bytes that are anything else it is aiohttp's for
good, beginning with those very bytes. So nothing is refused here that aiohttp would take, and what is taken here is
answered as aiohttp would: `tests/prunella/service/test_express.py` compares the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import cast

from prunella.correlation import HEADER, correlated
from prunella.logs import create_logger
from prunella.middleware.measure import CLIENT_GONE, Measured
from prunella.service.answers import OUR_HEADERS, Given, refusal_of
from prunella.service.deadlines import Guard, Unguarded, guard_of
from prunella.service.heads import END, LONGEST, Head, read_head
from prunella.service.rest import Rest
from prunella.service.route import ALWAYS_OPEN, Route, Served

_log = create_logger(__name__)
MOST = 64 * 1024  # bytes of a body that are gathered here
_OURS = "".join(f"{name}: {value}\r\n" for name, value in OUR_HEADERS.items())
Lanes = Mapping[tuple[str, str], "Lane"]  # by method and path


@dataclass(frozen=True, slots=True)
class Lane:
    """A route that is served here, too."""

    route: Route
    served: Served

    @property
    def most(self) -> int:
        """Bytes of a body."""
        return min(self.served.max_body, MOST)

    @property
    def open(self) -> bool:
        """Whether it can be served here now: headers of the door's are for aiohttp to add."""
        return self.served.door is None or not self.served.door.headers

    def client(self, head: Head) -> str | None:
        """Who asks, if they may."""
        return self.served.auth.admitted(head.authorization, self.route.scope)

    async def answer(self, head: Head, body: bytes, client: str) -> Given:
        """Raises Refused."""
        route, door = self.route, self.served.door
        if door is not None and route.path not in ALWAYS_OPEN:
            await door.admit(head.authorization)
        if route.give is not None and head.asked is not None:
            return await route.give(head.asked)
        if route.take is None:
            raise TypeError(f"nothing answers {head.method} {head.path}")
        return await route.take(body, client)


def lanes_of(served: Served) -> Lanes:
    """All that can be answered from what an ordinary request says."""
    return {
        (route.method, route.path): Lane(route, served)
        for route in served.routes
        if route.proof is None and (route.take or route.give)
    }


@dataclass(slots=True)
class _Order:
    """One request."""

    lane: Lane
    head: Head
    client: str
    begins: int  # where its body does, in what came
    measured: Measured = field(init=False)

    def __post_init__(self) -> None:
        self.measured = Measured(self.head.method, self.head.path)

    @property
    def ends(self) -> int:
        """Where its body ends."""
        return self.begins + self.head.length


class Express(asyncio.Protocol):
    """One connection, which is in `connections` as long as it is open."""

    __slots__ = (
        *("_came", "_connections", "_full", "_guard", "_lanes", "_later", "_missing", "_order"),
        *("_over", "_rest", "_serving", "_theirs", "_transport"),
    )

    def __init__(self, lanes: Lanes, rest: Rest, connections: set[Express]) -> None:
        self._lanes, self._rest, self._connections = lanes, rest, connections
        self._theirs: asyncio.Protocol | None = None  # aiohttp's, as soon as it is for aiohttp
        self._order: _Order | None = None  # what is gathered or served
        self._came = b""
        self._missing = 0
        self._later = b""  # what came before its turn
        self._serving: asyncio.Task[None] | None = None
        self._guard: Guard | Unguarded = Unguarded()
        self._transport: asyncio.Transport | None = None
        self._full = False  # the client does not take what we have written
        # what is under way, where somebody waits for it
        self._over: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._guard = guard_of(transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._theirs is not None:
            self._theirs.data_received(data)
        elif self._serving is None:
            self._look(self._came + data if self._came else data)
        else:
            self._later += data
            if self._transport is not None:
                self._transport.pause_reading()

    def eof_received(self) -> bool | None:
        return None if self._theirs is None else self._theirs.eof_received()

    def pause_writing(self) -> None:
        self._full = True
        if self._theirs is not None:
            self._theirs.pause_writing()
        elif self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._full = False
        if self._theirs is not None:
            self._theirs.resume_writing()
        elif self._transport is not None and self._serving is None:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        if self._theirs is not None:
            self._theirs.connection_lost(exc)
        elif self._order is not None and self._serving is None:
            self._order.measured.end(CLIENT_GONE)
            self._settle()

    async def end(self, seconds: float) -> None:
        """What has begun here has so long to be answered; aiohttp sees to what is its own."""
        if self._order is not None or self._serving is not None:
            self._over = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._over}, timeout=seconds)
        if self._theirs is None and self._transport is not None:
            self._transport.close()

    def _settle(self) -> None:
        self._order = self._serving = None
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def is_eof(self) -> bool:
        """Whether the body is complete: what the guard asks aiohttp's content."""
        return self._missing <= 0

    def _look(self, came: bytes) -> None:
        order = self._order
        if order is None:
            order = self._order = self._taken_up(came)
            if order is None:
                self._hand_over(came)
                return
            order.measured.begin()
        self._missing = order.ends - len(came)
        if not self._came:
            self._guard.request_began(self)
        if self._missing > 0:
            self._came = came
            return
        body, self._came, self._later = came[order.begins : order.ends], b"", came[order.ends :]
        self._serving = asyncio.create_task(self._serve(order, body))

    def _taken_up(self, came: bytes) -> _Order | None:
        """The request if it can be served here, and its sender may send it."""
        begins = came.find(END, 0, LONGEST) + len(END)
        head = read_head(came[:begins]) if begins >= len(END) else None
        lane = None if head is None else self._lanes.get((head.method, head.path))
        if head is None or lane is None or head.length > lane.most or not lane.open:
            return None
        if head.closes and len(came) > begins + head.length:
            return None  # aiohttp refuses what says more after its last word
        client = lane.client(head)
        return None if client is None else _Order(lane, head, client, begins)

    def _hand_over(self, came: bytes) -> None:
        """From here on the connection is aiohttp's, beginning with these bytes."""
        transport = self._transport
        if transport is None:
            return
        if self._rest.closed:
            transport.close()
            return
        self._theirs = self._rest.connection()
        if self._theirs is None:
            self._later = came
            transport.pause_reading()
            self._guard.held_up()
            self._serving = asyncio.create_task(self._wait_for_rest(transport))
            return
        self._theirs.connection_made(transport)
        if self._full:
            self._theirs.pause_writing()
        if END in came:
            self._guard.held_up()
        else:
            self._guard.goes_on()
        transport.resume_reading()  # which aiohttp may stop again for what is coming now
        self._theirs.data_received(came)

    async def _wait_for_rest(self, transport: asyncio.Transport) -> None:
        loaded = False
        try:
            await self._rest.load()
            loaded = True
        except (ImportError, OSError) as error:
            _log.exception("what an unusual request needs cannot be loaded", error)
        finally:
            if not loaded:
                transport.abort()  # no deadline runs while it is we who are slow
        came, self._later = self._later, b""
        self._settle()
        if not transport.is_closing():
            self._hand_over(came)

    async def _serve(self, order: _Order, body: bytes) -> None:
        head, measured = order.head, order.measured
        with correlated(head.correlation, head.trace) as correlation:
            try:
                given = await order.lane.answer(head, body, order.client)
            except asyncio.CancelledError:
                measured.end(CLIENT_GONE)
                raise
            except Exception as error:  # noqa: BLE001 - answered and logged; the next request must not suffer
                given = refusal_of(error, head.method, head.path).given
            measured.received(head.length)
            measured.size = len(given.body)
            measured.end(given.status)
        self._answer(_spelled(given, correlation, closes=head.closes), closes=head.closes)

    def _answer(self, answer: bytes, *, closes: bool) -> None:
        """And on to the next request; one that did not wait for this answer is for aiohttp, which can hold many back."""
        later, self._later = self._later, b""
        self._settle()
        self._guard.request_ended()
        if self._transport is None:
            return
        self._transport.write(answer)
        if closes:
            self._transport.close()
        elif later:
            self._hand_over(later)


def _spelled(given: Given, correlation: str, *, closes: bool) -> bytes:
    headers = {HEADER: correlation, **given.headers, "Content-Length": str(len(given.body))}
    if closes:
        headers["Connection"] = "close"
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{_start(given.status, int(time()))}{lines}\r\n".encode() + given.body


@lru_cache(8)
def _start(status: int, second: int) -> str:
    """What all answers of a second begin with."""
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{_OURS}"
        f"Date: {formatdate(second, usegmt=True)}\r\n"
    )
