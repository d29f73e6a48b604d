from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.receiver.web.serving import READ, Client, serving

PATH = "/api/v1/notify/test"
TOKEN = "s3cret-t0ken"


@asynccontextmanager
async def service(status: int = 200, text: str = "ok") -> AsyncIterator[tuple[str, list[Any]]]:
    """A webhook somewhere; its address, and what it got."""
    got: list[Any] = []

    async def hear(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_post("/{path:.*}", hear)
    async with TestServer(app) as server:
        yield str(server.make_url(f"/hooks/{TOKEN}")), got


async def tried(client: Client, body: bytes = b"{}") -> list[dict[str, Any]]:
    answer = await client.ask("POST", PATH, data=body)
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json["channels"]
    return found


async def test_a_test_message_goes_out_now_and_the_answer_is_shown(tmp_path: Path) -> None:
    async with service(text="taken, thank you") as (url, got):
        channels = {"ops": {"kind": "webhook", "url": url}, "log": {"kind": "log"}}
        async with serving(tmp_path, channels=channels) as client:
            found = sorted(await tried(client), key=lambda one: str(one["kind"]))
            assert found == [
                {"channel": "log", "kind": "log", "ok": True, "error": None, "answers": []},
                {
                    "channel": "ops",
                    "kind": "webhook",
                    "ok": True,
                    "error": None,
                    "answers": ["200 taken, thank you"],
                },
            ]
    assert [(one["event"], one["incident"]) for one in got] == [("test", 0)]


async def test_what_a_service_quotes_of_a_secret_is_not_shown(tmp_path: Path) -> None:
    async with (
        service(403, f"no such hook: {TOKEN}\x1b[31m") as (url, _),
        serving(tmp_path, channels={"ops": {"kind": "webhook", "url": url}}) as client,
    ):
        (trial,) = await tried(client, b'{"channel": "ops"}')
        assert (trial["ok"], trial["error"]) == (False, "answered with 403")
        assert TOKEN not in str(trial)
        assert "\x1b" not in trial["answers"][0]


async def test_a_service_that_cannot_be_reached_says_so(tmp_path: Path) -> None:
    channels = {"ops": {"kind": "webhook", "url": "http://127.0.0.1:1/hook"}}
    async with serving(tmp_path, channels=channels) as client:
        (trial,) = await tried(client)
        assert trial["ok"] is False
        assert "Connection refused" in trial["answers"][0]


async def test_a_trial_leaves_nothing_in_the_outbox_and_a_row_in_the_journal(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, channels={"log": {"kind": "log"}}) as client:
        await tried(client)
        journal = (await client.ask("GET", "/api/v1/journal")).text
        assert '"ev":"tested"' in journal.replace(" ", "")
        assert '"by":"ann"' in journal.replace(" ", "")
        assert '"notified"' not in journal


async def test_an_unknown_channel_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.ask("POST", PATH, data=b'{"channel": "nobody"}')
        assert (answer.status, answer.json["reason"]) == (404, "not_found")
        assert "known: ops" in answer.json["error"]


async def test_only_an_operator_sends_messages(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert (await client.ask("POST", PATH, token=READ, data=b"{}")).status == 403
