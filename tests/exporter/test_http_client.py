from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from aiohttp import web

from exporter.http_client import Answered, Question, ask
from exporter.probing.contexts import Contexts, Demands
from exporter.probing.outcome import Failed, Reason
from tests.exporter.probing.asking import listening, pages
from tests.prunella.service.certificates import self_signed
from tests.servers.ports import free_port

MOST = 1000


async def echo(request: web.Request) -> web.Response:
    said = [request.method, request.path_qs, (await request.read()).decode(), *request.headers]
    said.append(request.headers.get("Authorization", "nobody"))
    return web.json_response(said, status=203)


def question(url: object, path: str = "/x?y=1", **more: object) -> Question:
    wanted: dict[str, object] = {"url": str(url), "path": path, "most": MOST, **more}
    return Question(**wanted)  # type: ignore[arg-type]  # a builder: the test names fields


async def test_what_is_asked_stands_behind_the_address() -> None:
    async with pages(echo) as server:
        answered = await ask(question(server.make_url("/prefix/")))
    assert (answered.status, answered.whole) == (203, True)
    assert b'["GET", "/prefix/x?y=1", ""' in answered.body


async def test_a_body_makes_it_a_post() -> None:
    async with pages(echo) as server:
        answered = await ask(question(server.make_url("/"), body=b"<xml/>"))
    assert b'["POST", "/x?y=1", "<xml/>"' in answered.body


async def test_who_is_named_in_the_address_is_shown_and_not_quoted() -> None:
    async with pages(echo) as server:
        answered = await ask(question(server.make_url("/").with_user("o@p").with_password("s")))
    assert b'"Basic b0BwOnM="]' in answered.body
    with pytest.raises(Failed) as raised:
        await ask(question(f"http://ops:hunter2@127.0.0.1:{free_port()}"))
    assert "hunter2" not in str(raised.value)


async def test_a_socket_in_the_file_system_is_asked_alike(tmp_path: Path) -> None:
    app = web.Application()
    app.router.add_get("/x", echo)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s.sock")).start()
    answered = await ask(question(f"unix://{tmp_path}/s.sock"))
    await runner.cleanup()
    assert answered.status == 203


async def test_a_socket_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="No such file") as raised:
        await ask(question(f"unix://{tmp_path}/s.sock"))
    assert raised.value.reason is Reason.CONNECT


async def test_more_than_is_kept_is_said_to_be_more() -> None:
    async def much(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * (MOST + 1))

    async with pages(much) as server:
        assert await ask(question(server.make_url("/"))) == Answered(200, b"x" * MOST, whole=False)


async def test_only_a_certificate_of_the_named_authority_is_believed(tmp_path: Path) -> None:
    made = self_signed(tmp_path, "ours")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    async with pages(echo, context) as server:
        trusted = Contexts(Demands(ca_file=made.certificate))
        assert (await ask(question(server.make_url("/"), trusted=trusted))).status == 203
        with pytest.raises(Failed) as raised:
            await ask(question(server.make_url("/")))
    assert raised.value.reason is Reason.TLS


async def test_a_question_that_is_given_up_leaves_no_connection() -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    async with listening(silent) as address:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(question(f"http://{address}"))
        async with asyncio.timeout(5):
            await gone.wait()
