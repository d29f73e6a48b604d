from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.receiver.web.pressing import asking_in_slack, journal, send, state
from tests.receiver.web.serving import Answer, Client, locked
from tests.servers.slack import SlackStandIn

PUBLIC = "https://prunella.example/ops"
FORM = "application/x-www-form-urlencoded"
WAITS = "AWAITING_APPROVAL"


@asynccontextmanager
async def asking(folder: Path) -> AsyncIterator[tuple[str, Client, SlackStandIn]]:
    """The path of the link under which incident 1 can be answered."""
    server = {"listen": "127.0.0.1:0", "public_url": f"{PUBLIC}/"}
    async with asking_in_slack(folder, server=server) as (slack, client):
        with sqlite3.connect(folder / "journal.db") as db:
            sql = "SELECT json_extract(body, '$.question.page') FROM outbox WHERE event = ?"
            ((page,),) = db.execute(sql, ("approval_requested",)).fetchall()
        assert page.startswith(f"{PUBLIC}/answer/1.")
        yield page.removeprefix(PUBLIC), client, slack


async def answer(client: Client, path: str, **form: str) -> Answer:
    return await send(client, path, urlencode(form).encode(), FORM, {})


async def test_to_look_shows_what_is_asked_and_does_nothing(tmp_path: Path) -> None:
    async with asking(tmp_path) as (path, client, _):
        for method in ("GET", "HEAD"):
            shown = await client.ask(method, path, token=None)
            assert shown.status == 200
        shown = await client.ask("GET", path, token=None)
        assert 'run on shop with argv=["/bin/true", "first"]' in unescape(shown.text)
        assert shown.headers["Referrer-Policy"] == "same-origin"  # the address is a key
        assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
        assert "<script" not in shown.text
        assert await state(client) == WAITS


@pytest.mark.parametrize(("word", "ev"), [("approve", "approved"), ("deny", "denied")])
async def test_a_post_acts_once_and_says_who_it_was(tmp_path: Path, word: str, ev: str) -> None:
    async with asking(tmp_path) as (path, client, _):
        first = await answer(client, path, word=word, name="  Ann\n<b>")
        assert (first.status, "Nothing was done" in first.text) == (200, False)
        for again in ("approve", "deny"):
            assert "Nothing was done" in (await answer(client, path, word=again, name="Bob")).text
        assert [row["by"] for row in await journal(client, ev)] == ["Ann <b> (by link)"]
        looked = await client.ask("GET", path, token=None)
        assert (looked.status, "does not wait for an approval" in looked.text) == (200, True)


async def test_a_link_that_was_made_up_opens_nothing(tmp_path: Path) -> None:
    async with asking(tmp_path) as (path, client, _):
        nonce = path.rpartition("/")[2].partition(".")[2]
        made_up = [
            f"{path[:-1]}{'B' if path.endswith('A') else 'A'}",
            f"/answer/2.{nonce}",
            f"/answer/1.{nonce[:16]}.AAAAAAAAAAAA",
            "/answer/1.",
            "/answer/x",
            f"/answer/1.{nonce}%0A",
            f"/answer/{'9' * 30}.{nonce}",
        ]
        for other in made_up:
            looked = await client.ask("GET", other)  # a token that may do everything else
            posted = await answer(client, other, word="approve", name="Eve")
            assert {looked.status, posted.status} == {401}
            assert looked.json["reason"] == "link_void"
        assert await state(client) == WAITS


@pytest.mark.parametrize(
    ("form", "status"),
    [({}, 422), ({"word": "pause"}, 422), ({"word": "approve", "name": "x" * 5000}, 413)],
)
async def test_what_the_page_does_not_send_is_refused(
    tmp_path: Path, form: dict[str, str], status: int
) -> None:
    async with asking(tmp_path) as (path, client, _):
        assert (await answer(client, path, **form)).status == status
        assert (await send(client, path, b"{}", "application/json", {})).status == 415
        assert (await send(client, path, b"\xff=\xff", FORM, {})).status == 400
        assert await state(client) == WAITS


async def test_the_link_is_in_no_export_and_in_no_metric(tmp_path: Path) -> None:
    async with asking(tmp_path) as (path, client, _):
        nonce = path.rpartition(".")[2]
        await answer(client, path, word="approve", name="Ann")
        for place in ("/api/v1/journal", "/metrics", "/api/v1/incidents/1", "/api/v1/incidents"):
            assert nonce not in (await client.ask("GET", place)).text


async def test_an_answer_that_cannot_be_written_is_to_be_given_again(tmp_path: Path) -> None:
    async with asking(tmp_path) as (path, client, _):
        with locked(tmp_path / "journal.db"):
            said = await answer(client, path, word="approve", name="Ann")
        assert (said.status, said.json["reason"]) == (503, "journal_unavailable")
        assert "Approved." in (await answer(client, path, word="approve", name="Ann")).text


async def test_where_there_are_buttons_no_link_is_shown(tmp_path: Path) -> None:
    async with asking(tmp_path) as (path, _, slack):
        assert path not in str(slack.messages)
