"""The ordinary request of a busy route, answered without aiohttp; whatever is unusual about one is left to aiohttp.

aiohttp takes a request apart for everything that a handler could ask for, which costs more than to read, judge and
store an alert. What such a route needs is little: who asks, and the body. So a connection is served here as long as
all it sends is that, spelled as programs spell it; from the first bytes that are anything else it is aiohttp's for
good, beginning with those very bytes. So nothing is refused here that aiohttp would take, and what is taken here is
answered as aiohttp would: `tests/prunella/service/test_express.py` compares the two.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

from aiohttp import web

from prunella.correlation import HEADER, correlated
from prunella.middleware.measure import CLIENT_GONE, Measured
from prunella.service.answers import OUR_HEADERS, refusal_of
from prunella.service.auth import Auth, Scope
from prunella.service.connection import Connection
from prunella.service.deadlines import Guard, Unguarded, guard_of
from prunella.service.door import Door
from prunella.service.heads import END, LONGEST, Asked, Head, read_head

Take = Callable[[bytes, str], Awaitable[bytes]]  # the body and its sender; gives the JSON of a 202
Given = tuple[bytes, Mapping[str, str]]  # a body and its headers, the Content-Type among them
Give = Callable[[Asked], Awaitable[Given]]  # gives what a 200 holds

MOST = 64 * 1024  # bytes of a body that are gathered here
_OURS = "".join(f"{name}: {value}\r\n" for name, value in OUR_HEADERS.items())
_JSON = {"Content-Type": "application/json; charset=utf-8"}
Lanes = Mapping[tuple[str, str], "Lane"]  # by method and path


@dataclass(frozen=True, slots=True)
class Lane:
    """A route that is served here, too. `take` (of a POST) and `give` (of a GET) raise Refused."""

    take: Take | None
    scope: Scope
    auth: Auth
    most: int  # bytes of a body
    give: Give | None = None
    door: Door | None = None

    @property
    def open(self) -> bool:
        """Whether it can be served here now: headers of the door's are for aiohttp to add."""
        return self.door is None or not self.door.headers

    async def answer(
        self, head: Head, body: bytes, client: str
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """The status, the body and the headers. Raises Refused."""
        if self.door is not None:
            await self.door.admit(head.authorization)
        if self.give is not None and head.asked is not None:
            return 200, *await self.give(head.asked)
        if self.take is None:
            raise TypeError(f"nothing answers {head.method} {head.path}")
        return 202, await self.take(body, client), _JSON


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


class Express(Connection):
    """aiohttp's protocol behind the requests that it need not see."""

    __slots__ = ("_came", "_guard", "_lanes", "_later", "_missing", "_order", "_serving", "_theirs")

    def __init__(self, server: web.Server, lanes: Lanes) -> None:
        super().__init__(server)
        self._lanes = lanes
        self._theirs = not lanes  # whether whatever comes is for aiohttp
        self._order: _Order | None = None  # what is gathered or served
        self._came = b""
        self._missing = 0
        self._later = b""  # what came before its turn
        self._serving: asyncio.Task[None] | None = None
        self._guard: Guard | Unguarded = Unguarded()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._guard = guard_of(transport)

    def data_received(self, data: bytes) -> None:
        if self._theirs:
            super().data_received(data)
        elif self._serving is None:
            self._look(self._came + data if self._came else data)
        else:
            self._later += data
            if self.transport is not None:
                self.transport.pause_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._order is not None and self._serving is None:
            self._order.measured.end(CLIENT_GONE)
            self._order = None
        super().connection_lost(exc)

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        self._theirs = True
        if self._serving is not None:
            await asyncio.wait({self._serving}, timeout=timeout)
        await super().shutdown(timeout)

    def is_eof(self) -> bool:
        """Whether the body is complete: what the guard asks aiohttp's content."""
        return self._missing <= 0

    def _look(self, came: bytes) -> None:
        order = self._order
        if order is None:
            order = self._order = self._taken_up(came)
            if order is None:
                self._theirs, self._came = True, b""
                super().data_received(came)
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
        client = lane.auth.admitted(head.authorization, lane.scope)
        return None if client is None else _Order(lane, head, client, begins)

    async def _serve(self, order: _Order, body: bytes) -> None:
        head = order.head
        with correlated(head.correlation) as correlation:
            try:
                status, said, headers = await order.lane.answer(head, body, order.client)
            except asyncio.CancelledError:
                order.measured.end(CLIENT_GONE)
                raise
            except Exception as error:  # noqa: BLE001 - answered and logged; the next request must not suffer
                refused = refusal_of(error, head.method, head.path)
                status, headers = refused.status, {**_JSON, **refused.headers}
                said = json.dumps({"error": str(refused), "reason": refused.reason}).encode()
        order.measured.end(status)
        self._answer(_spelled(status, {HEADER: correlation, **headers}, said))

    def _answer(self, answer: bytes) -> None:
        """And on to the next request; one that did not wait for this answer is for aiohttp."""
        self._order = self._serving = None
        self._guard.request_ended()
        if self.transport is None:
            return
        self.transport.write(answer)
        if self._later:
            later, self._later, self._theirs = self._later, b"", True
            self.transport.resume_reading()
            self._guard.data_received(later)


def _spelled(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    more = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"{_start(status, int(time()))}{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@lru_cache(8)
def _start(status: int, second: int) -> str:
    """What all answers of a second begin with."""
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{_OURS}"
        f"Date: {formatdate(second, usegmt=True)}\r\n"
    )
