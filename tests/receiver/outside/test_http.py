from __future__ import annotations

import asyncio
import gc
import gzip
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from receiver.outside.http import open_http
from receiver.tools import OutsideError
from tests.servers.ports import free_port

CANARY = "c4nary-7f3a"


async def echo(request: web.Request) -> web.Response:
    said = {name: request.headers.get(name, "") for name in ("Authorization", "X-Asked")}
    return web.json_response(
        {"method": request.method, "body": await request.text(), **said}, status=207
    )


async def redirect(request: web.Request) -> web.Response:
    raise web.HTTPFound("/echo")


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65536)


async def bomb(request: web.Request) -> web.Response:
    return web.Response(body=gzip.compress(b"0" * 10_000_000), headers={"Content-Encoding": "gzip"})


async def silent(request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    raise AssertionError


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@asynccontextmanager
async def server() -> AsyncIterator[TestServer]:
    app = web.Application()
    for handler in (echo, redirect, endless, bomb, silent, hang_up):
        app.router.add_route("*", f"/{handler.__name__}", handler)
    running = TestServer(app)
    async with running:
        yield running


async def test_what_was_asked_arrives_and_what_was_said_comes_back() -> None:
    async with server() as there, open_http() as http:
        response = await http.request(
            "PUT",
            str(there.make_url("/echo")),
            timeout=5,
            headers={"X-Asked": "yes"},
            body=b"hello",
        )
    assert response.status == 207
    assert (
        response.body
        == b'{"method": "PUT", "body": "hello", "Authorization": "", "X-Asked": "yes"}'
    )
    assert response.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with server() as there, open_http() as http:
        response = await http.request("GET", str(there.make_url("/redirect")), timeout=5)
    assert response.status == 302


@pytest.mark.parametrize("path", ["/endless", "/bomb"])
async def test_a_body_is_cut_at_its_cap(path: str) -> None:
    async with server() as there, open_http() as http:
        response = await http.request("GET", str(there.make_url(path)), timeout=5)
        assert len(response.body) == 1 << 20
        response = await http.request("GET", str(there.make_url(path)), timeout=5, max_body=100)
        assert len(response.body) == 100


async def test_a_user_in_the_url_authenticates() -> None:
    async with server() as there, open_http() as http:
        url = there.make_url("/echo").with_user("ops").with_password("pw")
        response = await http.request("GET", str(url), timeout=5)
    assert b"Basic b3BzOnB3" in response.body


async def test_a_refused_connection_was_surely_not_sent() -> None:
    async with open_http() as http:
        with pytest.raises(OutsideError, match="Connection refused") as caught:
            await http.request("POST", f"http://127.0.0.1:{free_port()}/x", timeout=5)
    assert not caught.value.sent


async def test_a_name_that_does_not_resolve_was_surely_not_sent() -> None:
    async with open_http() as http:
        with pytest.raises(OutsideError, match="does not resolve") as caught:
            await http.request("POST", "http://nowhere.invalid/x", timeout=5)
    assert not caught.value.sent


async def test_a_lookup_that_takes_too_long_is_one_failure_and_no_other_when_it_fails_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    may, threads = threading.Event(), ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(threads)
    threads.submit(may.wait, 20)  # before the lookup
    async with open_http() as http:
        with pytest.raises(OutsideError, match=r"no answer within 0\.1 s") as caught:
            await http.request("POST", "http://nowhere.invalid/x", timeout=0.1)
        may.set()
        await asyncio.to_thread(lambda: None)  # after it
        gc.collect()
    assert not caught.value.sent
    assert [record.getMessage() for record in caplog.records] == []


async def test_a_lost_connection_may_have_had_its_effect() -> None:
    async with server() as there, open_http() as http:
        with pytest.raises(OutsideError, match="hung up") as caught:
            await http.request("POST", str(there.make_url("/hang_up")), timeout=5)
    assert caught.value.sent


async def test_silence_ends_at_the_timeout_and_may_have_had_its_effect() -> None:
    async with server() as there, open_http() as http:
        with pytest.raises(OutsideError, match=r"no answer within 0\.5 s") as caught:
            await http.request("POST", str(there.make_url("/silent")), timeout=0.5)
    assert caught.value.sent


async def test_a_listener_that_never_speaks_http_may_have_had_its_effect() -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        await writer.drain()
        writer.close()

    async with (
        await asyncio.start_server(garbage, "127.0.0.1", 0) as listening,
        open_http() as http,
    ):
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(OutsideError) as caught:
            await http.request("POST", f"http://127.0.0.1:{port}/", timeout=5)
    assert caught.value.sent


@pytest.mark.parametrize(
    "url", ["", "not a url", "http://", "ftp://host/x", "http://a b/", "http://h:99999/"]
)
async def test_what_is_no_url_was_not_sent(url: str) -> None:
    async with open_http() as http:
        with pytest.raises(OutsideError) as caught:
            await http.request("GET", url, timeout=1)
    assert not caught.value.sent


async def test_a_header_cannot_be_split() -> None:
    async with server() as there, open_http() as http:
        with pytest.raises(OutsideError):
            await http.request(
                "GET", str(there.make_url("/echo")), timeout=5, headers={"X": "a\r\nB: c"}
            )


async def test_an_error_shows_neither_user_nor_path_nor_query() -> None:
    where = f"http://{CANARY}:{CANARY}@127.0.0.1:{free_port()}/{CANARY}?token={CANARY}#{CANARY}"
    async with open_http() as http:
        with pytest.raises(OutsideError) as caught:
            await http.request("POST", where, timeout=5)
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None


async def raw(request: web.Request) -> web.Response:
    return web.Response(text=request.raw_path)


@pytest.mark.parametrize(
    ("written", "arrives"),
    [
        ("/a/b?sp=%2Ftriggers%2Frun&sig=a-b_c~%2B", "/a/b?sp=%2Ftriggers%2Frun&sig=a-b_c~%2B"),
        ("/a%2Fb", "/a%2Fb"),
        ("", "/"),
        ("?a=1", "/?a=1"),
        ('/a?q="b"', "/a?q=%22b%22"),
        ("/ä", "/%C3%A4"),
        ("/100%", "/100%25"),
    ],
)
async def test_an_address_is_asked_as_it_is_written(written: str, arrives: str) -> None:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", raw)
    async with TestServer(app) as running, open_http() as http:
        base = str(running.make_url("")).rstrip("/")
        answer = await http.request("GET", base + written, timeout=5)
    assert answer.body.decode() == arrives
