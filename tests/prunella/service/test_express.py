from __future__ import annotations

import asyncio
import importlib
import re
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from prunella.correlation import correlation_id
from prunella.service.answers import Given, Refused, as_json
from prunella.service.application import CLIENT
from prunella.service.auth import Scope
from prunella.service.deadlines import Deadlines
from prunella.service.express import MOST
from prunella.service.responses import response_of
from prunella.service.route import Route
from prunella.service.web import Service
from tests.prunella.service.front_door import (
    BEARER,
    PATIENCE,
    Client,
    client_of,
    service,
    until,
)
from tests.prunella.service.stand_ins import Counted

JSON = "Content-Type: application/json\r\n"
LAST = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LOADING = "prunella.service.rest.import_module"
PROMPT = Deadlines(header=0.3, body=0.3)


@dataclass
class Store:
    """A route in both shapes; `read` counts what came by aiohttp."""

    taken: list[tuple[bytes, str, str]] = field(default_factory=list)
    read: int = 0
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise Refused(415, "not_json", "the body must be application/json")
        self.read += 1
        return response_of(await self.take(await request.read(), request[CLIENT]))

    async def take(self, body: bytes, client: str) -> Given:
        self.taken.append((body, client, correlation_id()))
        if body == b"refuse":
            raise Refused(503, "gone", "cannot “store”", {"Retry-After": "5"})
        if body == b"fail":
            raise KeyError("CANARY")
        if body == b"hang":
            self.hanging.set()
            await self.release.wait()
        return as_json({"bytes": len(body)}, 202)

    def served(self, *, express: bool = True, **changes: Any) -> Service:
        take = self.take if express else None
        route = Route("POST", "/keep", Scope.OPERATE, self.receive, take=take)
        other = Route("POST", "/other", Scope.OPERATE, self.receive)
        return service(routes=(route, other), **changes)


def post(body: str, headers: str = BEARER + JSON, path: str = "/keep") -> str:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"


async def _everything(client: Client, pieces: Sequence[bytes]) -> bytes:
    """What comes back until the connection is closed, but for what differs from one time to the next."""
    reader, writer = await asyncio.open_connection(client.address.host, client.address.port)
    answers = b""
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            while read := await reader.read(65536):
                answers += read
    writer.transport.abort()
    return re.sub(rb"(Date|X-Correlation-ID): [^\r]*\r\n", rb"\1\r\n", answers)


def _sorted(answers: bytes) -> list[list[bytes]]:
    """Answer by answer, headers in any order."""
    return [sorted(one.split(b"\r\n")) for one in answers.split(b"HTTP/1.1 ")]


async def _both(*pieces: bytes, **changes: Any) -> tuple[list[list[bytes]], Store]:
    """What both ways say, which has to be the same, and what came by the short one."""
    short, long = Store(), Store()
    async with (
        client_of(short.served(**changes)) as one,
        client_of(long.served(express=False, **changes)) as other,
    ):
        said, expected = await asyncio.gather(_everything(one, pieces), _everything(other, pieces))
    assert _sorted(said) == _sorted(expected)
    assert [body for body, _, _ in short.taken] == [body for body, _, _ in long.taken]
    return _sorted(said), short


async def test_an_ordinary_post_never_sees_aiohttp_and_is_answered_alike() -> None:
    said, store = await _both(post("{}").encode(), LAST.encode())
    assert store.taken[0][:2] == (b"{}", "ops")
    assert store.read == 0
    assert len(said) == 3


@pytest.mark.parametrize("body", ["refuse", "fail", ""])
async def test_whatever_goes_wrong_is_told_alike(body: str) -> None:
    _, store = await _both(post(body).encode(), LAST.encode())
    assert store.read == 0


async def test_who_wants_the_connection_closed_is_answered_alike() -> None:
    closing = post("{}", BEARER + JSON + "Connection: close\r\n")
    said, store = await _both(closing.encode())
    assert (len(store.taken), store.read, len(said)) == (1, 0, 2)
    await _both((closing + post("{}")).encode())


UNUSUAL = {
    "no token": post("{}", JSON),
    "a wrong token": post("{}", JSON + "Authorization: Bearer nobody\r\n"),
    "two tokens": post("{}", JSON + BEARER + BEARER),
    "another type": post("{}", BEARER + "Content-Type: text/plain\r\n"),
    "no type": post("{}", BEARER),
    "a type with a name for its letters": post("{}", BEARER + JSON.replace("\r", "; x=y\r")),
    "two lengths": post("{}", BEARER + JSON + "Content-Length: 3\r\n"),
    "no length": f"POST /keep HTTP/1.1\r\nHost: x\r\n{BEARER}{JSON}\r\n",
    "a length below zero": f"POST /keep HTTP/1.1\r\nHost: x\r\n{BEARER}{JSON}Content-Length: -2\r\n\r\n",
    "a length with a plus": f"POST /keep HTTP/1.1\r\n{BEARER}{JSON}Content-Length: +2\r\n\r\n{{}}",
    "chunks": f"POST /keep HTTP/1.1\r\n{BEARER}{JSON}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
    "chunks and a length": post("{}", BEARER + JSON + "Transfer-Encoding: chunked\r\n"),
    "waits to be asked": post("{}", BEARER + JSON + "Expect: 100-continue\r\n"),
    "a packed body": post("xx", BEARER + JSON + "Content-Encoding: gzip\r\n"),
    "an upgrade": post("{}", BEARER + JSON + "Connection: upgrade\r\nUpgrade: websocket\r\n"),
    "an older version": post("{}").replace("1.1", "1.0"),
    "a query": post("{}", path="/keep?x=1"),
    "another route": post("{}", path="/other"),
    "no route": post("{}", path="/nowhere"),
    "another method": post("{}").replace("POST", "PUT"),
    "lines without returns": post("{}").replace("\r\n", "\n"),
    "a folded line": post("{}", BEARER + JSON.replace(": ", ":\r\n ")),
    "a space before a colon": post("{}", BEARER.replace(":", " :") + JSON),
    "a name that nobody knows": post("{}", BEARER + JSON + "X-Method-Override: PUT\r\n"),
    "letters beyond ASCII": post("{}", BEARER + JSON + "User-Agent: ä\r\n"),
    "a bare return": post("{}", BEARER + JSON + "User-Agent: a\rb\r\n"),
    "a tab": post("{}", BEARER + JSON + "User-Agent:\ta\t\r\n"),
    "an empty line first": "\r\n" + post("{}"),
    "a long header": post("{}", BEARER + JSON + f"User-Agent: {'x' * 5000}\r\n"),
    "no HTTP": "hello\r\n\r\n",
}


@pytest.mark.parametrize("what", UNUSUAL.values(), ids=UNUSUAL)
async def test_what_is_unusual_is_answered_as_if_there_were_no_short_way(what: str) -> None:
    _, store = await _both(what.encode(), LAST.encode(), deadlines=PROMPT)
    assert store.read >= len(store.taken)


async def test_a_body_that_is_too_large_is_refused_alike() -> None:
    await _both(post("x" * 100).encode(), LAST.encode(), max_body=50)


async def test_a_large_body_is_left_to_aiohttp() -> None:
    _, store = await _both(post("x" * (MOST + 1)).encode(), LAST.encode())
    assert store.read == 1


async def test_a_body_in_pieces_is_put_together() -> None:
    text = post("x" * 1000).encode()
    _, store = await _both(text[:170], text[170:171], text[171:], LAST.encode())
    assert (store.taken[0][0], store.read) == (b"x" * 1000, 0)


async def test_who_does_not_wait_for_an_answer_gets_all_in_order() -> None:
    several = "".join(post("x" * size) for size in (1, 2, 3)) + LAST
    said, store = await _both(several.encode())
    assert [len(body) for body, _, _ in store.taken] == [1, 2, 3]
    assert len(said) == 5


HEADERS = st.sampled_from(
    (
        *(BEARER, JSON, BEARER.lower(), JSON.upper(), "Accept: */*\r\n", "X: y\r\n"),
        *("Content-Length: 2\r\n", "Content-Length: 02\r\n", "Transfer-Encoding: identity\r\n"),
        *("Connection: keep-alive\r\n", "Connection: Keep-Alive\r\n", "Traceparent: 00-1\r\n"),
        *("Authorization: bearer  s3cret\r\n", "X-Correlation-ID: a b\r\n", "User-Agent:\r\n"),
        *("Content-Type: application/json; charset=utf-8\r\n", "Cookie: a=b\r\n", ": x\r\n"),
        *("Content-Type: Application/JSON\r\n", "x\r\n"),
    )
)
ENDS = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", " \r\n"])


@settings(max_examples=80)
@given(
    st.lists(HEADERS, max_size=5), ENDS, st.lists(st.integers(1, 300), max_size=3), st.booleans()
)
def test_both_ways_read_any_header_alike(
    extra: list[str], end: str, cuts: list[int], whole: bool
) -> None:
    usual = BEARER + JSON + "Content-Length: 2\r\n" if whole else ""
    text = f"POST /keep HTTP/1.1\r\nHost: x\r\n{usual}{''.join(extra)}{end}{{}}{LAST}".encode()
    at = sorted({0, *cuts, len(text)})
    pieces = [text[a:b] for a, b in pairwise(at)]
    quick = replace(PROMPT, header=0.15, body=0.15)
    asyncio.run(_run(pieces, quick))


async def _run(pieces: list[bytes], deadlines: Deadlines) -> None:
    await _both(*pieces, deadlines=deadlines)


async def test_the_next_request_is_served_the_same_way() -> None:
    store = Store()
    async with client_of(store.served()) as client, client.connection() as connection:
        for number in range(3):
            await connection.send(post("x" * number))
            assert (await connection.answer()).json == {"bytes": number}
    assert (len(store.taken), store.read) == (3, 0)


async def test_a_connection_that_sent_something_else_is_aiohttps_from_then_on() -> None:
    store = Store()
    async with client_of(store.served()) as client, client.connection() as connection:
        await connection.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\nX-Odd: 1\r\n\r\n")
        assert (await connection.answer()).status == 200
        await connection.send(post("{}"))
        assert (await connection.answer()).status == 202
    assert store.read == 1


async def test_who_comes_while_aiohttp_is_loaded_waits_for_it() -> None:
    store = Store()
    async with client_of(store.served()) as client:
        answers = await asyncio.gather(*(client.post("/other", b"{}") for _ in range(5)))
    assert [answer.status for answer in answers] == [202] * 5
    assert store.read == 5


async def test_who_leaves_while_aiohttp_is_loaded_harms_nobody() -> None:
    store = Store()
    async with client_of(store.served()) as client:
        async with client.connection() as connection:
            await connection.send(post("{}", path="/other"))
        assert (await client.post("/other", b"{}")).status == 202


async def test_who_never_waits_for_an_answer_is_left_to_aiohttp() -> None:
    store = Store()
    async with client_of(store.served()) as client, client.connection() as connection:
        await connection.send("".join(post("x" * number) for number in range(100)))
        for number in range(100):
            assert (await connection.answer()).json == {"bytes": number}
    assert store.read >= 99


async def test_who_asks_without_end_and_reads_nothing_is_held_back() -> None:
    asked = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
    enough, sent, held_back = 64 << 20, 0, 0
    async with client_of(Store().served()) as client:
        with socket.create_connection((client.address.host, client.address.port)) as flood:
            flood.setblocking(False)
            while sent < enough and held_back < 5:  # answers to another client in a row
                try:
                    sent, held_back = sent + flood.send(asked), 0
                except BlockingIOError:
                    assert (await client.get("/-/healthy")).status == 200
                    held_back += 1
    assert sent < enough


async def test_what_cannot_be_loaded_costs_that_connection_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.import_module

    def broken(_: str) -> ModuleType:
        monkeypatch.setattr(LOADING, found)
        raise OSError(24, "Too many open files")

    store = Store()
    async with client_of(store.served()) as client:
        monkeypatch.setattr(LOADING, broken)
        async with client.connection() as connection:
            await connection.send(post("{}", path="/other"))
            assert await connection.seconds_until_closed() < PATIENCE
        assert (await client.post("/other", b"{}")).status == 202


async def test_while_aiohttp_is_loaded_nobody_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.import_module

    def slow(name: str) -> ModuleType:
        time.sleep(3 * PROMPT.header)
        return found(name)

    monkeypatch.setattr(LOADING, slow)
    async with client_of(Store().served(deadlines=PROMPT)) as client:
        assert (await client.post("/other", b"{}")).status == 202


async def test_a_header_that_does_not_go_on_is_cut_off_as_ever() -> None:
    closed = Counted("prunella_slow_connections_closed_total", {"waiting_for": "header"})
    served = Store().served(deadlines=PROMPT)
    async with client_of(served) as client, client.connection() as connection:
        await connection.send("POST /other HT")
        assert await connection.seconds_until_closed() < PATIENCE
    assert closed.grown == 1


async def test_the_callers_trace_is_the_id_of_the_work() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    asked = f"Traceparent: 00-{trace}-b7ad6b7169203331-01\r\n"
    store = Store()
    async with client_of(store.served()) as client:
        answer = await client.post("/keep", b"{}", BEARER + JSON + asked)
    assert answer.headers["x-correlation-id"] == trace == store.taken[0][2]
    assert store.read == 0


async def test_sizes_are_counted_like_any_requests() -> None:
    labels = {"method": "POST", "route": "/keep"}
    sizes = [Counted(f"http_{way}_size_bytes_sum", labels) for way in ("request", "response")]
    async with client_of(Store().served()) as client:
        answer = await client.post("/keep", b"{}")
    assert [size.grown for size in sizes] == [2, len(answer.body)]


async def test_a_body_that_is_under_way_may_come_before_the_service_ends() -> None:
    progress = Counted("http_requests_in_progress")
    served = client_of(Store().served())
    client = await served.__aenter__()
    async with client.connection() as connection:
        await connection.send(post("{}")[:-1])
        await until(lambda: progress.grown == 1)
        ending = asyncio.create_task(served.__aexit__(None, None, None))
        await asyncio.sleep(0)
        await connection.send("}")
        assert (await connection.answer()).status == 202
        await ending


async def test_its_id_is_in_the_answer_and_around_the_work() -> None:
    store = Store()
    async with client_of(store.served()) as client:
        known = await client.post("/keep", b"{}", BEARER + JSON + "X-Correlation-ID: abc-1\r\n")
        other = await client.post("/keep", b"{}")
    assert known.headers["x-correlation-id"] == "abc-1" == store.taken[0][2]
    assert other.headers["x-correlation-id"] == store.taken[1][2]
    assert len(store.taken[1][2]) == 32


async def test_it_is_counted_like_any_request() -> None:
    labels = {"method": "POST", "route": "/keep"}
    counted = Counted("http_requests_total", {**labels, "status": "202"})
    timed = Counted("http_request_duration_seconds_count", labels)
    async with client_of(Store().served()) as client:
        await client.post("/keep", b"{}")
        assert (counted.grown, timed.grown) == (1, 1)


async def test_a_token_that_was_replaced_is_refused_at_once() -> None:
    served = Store().served()
    async with client_of(served) as client, client.connection() as connection:
        await connection.send(post("{}"))
        assert (await connection.answer()).status == 202
        served.auth.replace({})
        await connection.send(post("{}"))
        assert (await connection.answer()).status == 401


async def test_a_refused_token_is_counted_once() -> None:
    refused = Counted("prunella_auth_failures_total", {"reason": "token_missing"})
    async with client_of(Store().served()) as client:
        await client.post("/keep", b"{}", JSON)
    assert refused.grown == 1


async def test_a_body_that_never_comes_closes_the_connection() -> None:
    closed = Counted("prunella_slow_connections_closed_total", {"waiting_for": "body"})
    gone = Counted("http_requests_total", {"method": "POST", "route": "/keep", "status": "499"})
    progress = Counted("http_requests_in_progress")
    store = Store()
    async with client_of(store.served(deadlines=PROMPT)) as client:
        async with client.connection() as connection:
            await connection.send(post("{}")[:-1])
            assert 0.2 < await connection.seconds_until_closed() < 2
        await until(lambda: gone.grown == 1)
    assert (closed.grown, progress.grown, store.taken) == (1, 0, [])


async def test_a_connection_that_asks_for_nothing_more_is_closed() -> None:
    closed = Counted("prunella_slow_connections_closed_total", {"waiting_for": "request"})
    served = Store().served(deadlines=Deadlines(idle=0.3))
    async with client_of(served) as client, client.connection() as connection:
        await connection.send(post("{}"))
        await connection.answer()
        assert 0.2 < await connection.seconds_until_closed() < 2
    assert closed.grown == 1


async def test_who_leaves_before_the_answer_harms_nobody() -> None:
    store = Store()
    async with client_of(store.served()) as client:
        async with client.connection() as connection:
            await connection.send(post("hang"))
            await store.hanging.wait()
        store.release.set()
        assert (await client.post("/keep", b"{}")).status == 202


async def test_what_is_under_way_is_answered_before_the_service_ends() -> None:
    store = Store()
    served = client_of(store.served())
    client = await served.__aenter__()
    async with client.connection() as connection:
        await connection.send(post("hang"))
        await store.hanging.wait()
        ending = asyncio.create_task(served.__aexit__(None, None, None))
        await asyncio.sleep(0)
        assert not ending.done()
        store.release.set()
        assert (await connection.answer()).status == 202
        await ending


async def test_an_idle_connection_does_not_hold_the_service_up() -> None:
    served = client_of(Store().served())
    client = await served.__aenter__()
    async with client.connection() as connection:
        await connection.send(post("{}"))
        await connection.answer()
        ending = asyncio.create_task(served.__aexit__(None, None, None))
        # a request that had begun would get a second
        assert await connection.seconds_until_closed() < 0.9
        await ending
