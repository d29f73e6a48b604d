from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from exporter.probing.probe import Outcome, Reason, Request, client, noting_expiry, probe
from tests.exporter.probing.certificate import Certificate, for_loopback
from tests.servers.ports import free_port


def asking(url: object, **more: object) -> Request:
    wanted: dict[str, object] = {"method": "GET", "headers": {}, "timeout": 5.0, **more}
    return Request(url=str(url), **wanted)  # type: ignore[arg-type]  # a builder: the test names fields


async def outcome_of(request: Request) -> Outcome:
    async with client(ssl.create_default_context()) as session:
        return await probe(session, request)


async def page(request: web.Request) -> web.StreamResponse:
    """What the path asks for."""
    match request.path:
        case "/hangs":
            await asyncio.sleep(30)
        case "/broken":
            return web.Response(status=503, text="no")
        case "/moved":
            raise web.HTTPFound("/fine")
        case "/round":
            raise web.HTTPFound("/round")
        case "/echo":
            return web.Response(text=f"{request.method} {request.headers.get('X-Key', '')}")
        case "/long":
            return web.Response(body=b"x" * (2 << 20) + b"end")
        case _:
            pass
    return web.Response(text="all is fine")


@asynccontextmanager
async def pages() -> AsyncIterator[BaseTestServer]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    async with TestServer(app) as server:
        yield server


@asynccontextmanager
async def saying(raw: bytes) -> AsyncIterator[str]:
    """A server that says the same to whoever connects, HTTP or not."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def secure(made: Certificate) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", page)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=made.context)
    try:
        yield str(server.make_url("/"))
    finally:
        await server.close()


async def test_an_answer_as_expected_is_good() -> None:
    async with pages() as server:
        outcome = await outcome_of(asking(server.make_url("/"), body="is fine"))
    assert (outcome.reason, outcome.status) == (None, 200)
    assert 0 < outcome.seconds < 5


@pytest.mark.parametrize(
    ("path", "expected", "reason", "status"),
    [
        ("/broken", {}, Reason.STATUS, 503),
        ("/broken", {"statuses": (503,)}, None, 503),
        ("/", {"statuses": (204, 301)}, Reason.STATUS, 200),
        ("/", {"body": "all is lost"}, Reason.BODY, 200),
        ("/hangs", {"timeout": 0.1}, Reason.TIMEOUT, 0),
        ("/moved", {}, None, 200),
        ("/round", {}, Reason.STATUS, 0),
        ("/long", {"body": "xxx"}, None, 200),
        ("/long", {"body": "end"}, Reason.BODY, 200),
    ],
)
async def test_the_verdict_on_an_answer(
    path: str, expected: dict[str, object], reason: Reason | None, status: int
) -> None:
    async with pages() as server:
        outcome = await outcome_of(asking(server.make_url(path), **expected))
    assert (outcome.reason, outcome.status) == (reason, status)


async def test_method_and_headers_are_sent() -> None:
    async with pages() as server:
        request = asking(
            server.make_url("/echo"), method="POST", headers={"X-Key": "k"}, body="POST k"
        )
        assert (await outcome_of(request)).reason is None


async def test_every_probe_has_a_connection_of_its_own() -> None:
    peers = set()

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response()

    app = web.Application()
    app.router.add_get("/", note)
    async with TestServer(app) as server, client(ssl.create_default_context()) as session:
        for _ in range(3):
            await probe(session, asking(server.make_url("/")))
    assert len(peers) == 3


async def test_nobody_listening_is_a_failed_connect() -> None:
    outcome = await outcome_of(asking(f"http://127.0.0.1:{free_port()}/"))
    assert (outcome.reason, outcome.status) == (Reason.CONNECT, 0)


async def test_a_connection_closed_without_a_word_is_a_failed_connect() -> None:
    async with saying(b"") as address:
        assert (await outcome_of(asking(f"http://{address}/"))).reason is Reason.CONNECT


async def test_an_answer_that_is_not_http_has_no_good_status() -> None:
    async with saying(b"220 mail.example.org ESMTP\r\n\r\n") as address:
        assert (await outcome_of(asking(f"http://{address}/"))).reason is Reason.STATUS


async def test_an_unknown_name_is_the_name_servers_failure() -> None:
    outcome = await outcome_of(asking("http://nobody.invalid/", timeout=20.0))
    assert outcome.reason is Reason.DNS


async def test_plain_http_behind_an_https_url_is_a_failed_handshake() -> None:
    async with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as address:
        assert (await outcome_of(asking(f"https://{address}/"))).reason is Reason.TLS


async def test_the_end_of_the_certificate_is_noted(tmp_path: Path) -> None:
    made = for_loopback(tmp_path, days=30)
    ends: list[float] = []
    context = noting_expiry(ends.append, str(made.certificate))
    async with secure(made) as url, client(context) as session:
        outcome = await probe(session, asking(url))
    assert outcome.reason is None
    assert ends[-1] == pytest.approx(time.time() + 30 * 86400, abs=3600)


async def test_a_certificate_that_nobody_vouches_for_fails_the_handshake(tmp_path: Path) -> None:
    async with secure(for_loopback(tmp_path)) as url:
        assert (await outcome_of(asking(url))).reason is Reason.TLS
