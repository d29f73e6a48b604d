"""The preview of Slack in the local stack: what it takes, what it shows, and who may press there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from demo.preview.__main__ import main
from demo.preview.page import Button, Shown, page
from demo.preview.server import HUMAN, Preview
from demo.preview.slack import Slack, Workspace
from demo.preview.slack_page import OPEN
from tests.receiver.web.pressing import ONE_RUNG, fire, journal, state
from tests.receiver.web.serving import serving
from tests.servers.process import until

WORKSPACE = Workspace("xoxb-c4nary", "8f742231b10e8888abcd99yyyzzz85a5", name="#shop-alerts")
SURE = {"title": "Approve?", "text": "restart shop", "confirm": "Approve", "deny": "Cancel"}


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def button(word: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": word, "text": plain(word), "value": f"v-{word}", **more}


def root(
    *buttons: dict[str, Any], incident: int = 7, text: str = "[opened] shop"
) -> dict[str, Any]:
    """A message as the receiver sends it."""
    markdown = {"type": "mrkdwn", "text": "It fails. <https://h/a|Runbook>"}
    fields = [{"type": "mrkdwn", "text": "*Target*\nshop &lt;b&gt;"}]
    links = {"type": "mrkdwn", "text": "<http://h/r|Runbook> · <javascript:x|Script>"}
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": markdown},
        {"type": "section", "fields": fields},
        {"type": "section", "text": links},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": f"incident {incident}"}]},
    ]
    if buttons:
        blocks.insert(3, {"type": "actions", "elements": list(buttons)})
    payload = {"event_type": "prunella_notice", "event_payload": {"incident": incident}}
    attachment = {"color": "#d72b3f", "fallback": text, "blocks": blocks}
    return {"text": text, "attachments": [attachment], "metadata": payload}


class Receiver:
    """Takes presses; says to whoever pressed what it was told to say."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.taken: list[tuple[dict[str, str], bytes]] = []

    async def press(self, request: web.Request) -> web.Response:
        self.taken.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


class Browser(TestClient[web.Request, web.Application]):
    """One that stays on the page which it was sent to."""

    async def page(self, path: str = "/") -> str:
        answer = await self.get(path)
        assert answer.status == 200
        return await answer.text()

    async def press(self, slack: Slack, word: str, **more: str) -> str:
        form = {"ts": slack.roots()[-1].ts, "word": word, **more}
        answer = await self.post("/press", data=form, headers={"Origin": slack.url})
        assert answer.status == 200
        return await answer.text()


@asynccontextmanager
async def previewing(receiver: str = "http://127.0.0.1:1") -> AsyncIterator[tuple[Slack, Browser]]:
    slack = Slack(WORKSPACE, lambda: 1_700_000_000.0)
    async with Browser(TestServer(Preview(slack, receiver).app())) as browser:
        slack.url = str(browser.make_url("")).rstrip("/")
        yield slack, browser


@asynccontextmanager
async def with_receiver(status: int = 200) -> AsyncIterator[tuple[Slack, Browser, Receiver]]:
    receiver = Receiver(status)
    app = web.Application()
    app.router.add_post("/slack/interactions", receiver.press)
    async with TestServer(app) as server, previewing(str(server.make_url("")).rstrip("/")) as both:
        yield *both, receiver


async def test_slacks_own_client_posts_and_what_it_says_is_shown_in_its_thread() -> None:
    async with previewing() as (slack, browser):
        client = AsyncWebClient(token=WORKSPACE.token, base_url=f"{slack.url}/api/")
        first = await client.chat_postMessage(channel="#shop-alerts", **root())
        await client.chat_postMessage(channel=first["channel"], text="acted", thread_ts=first["ts"])
        changed = root(text="[healed] shop")
        await client.chat_update(channel=first["channel"], ts=first["ts"], **changed)
        html = await browser.page()
    assert html.index("[healed] shop") < html.index("acted")
    assert ("[opened]" in html, "(edited)" in html) == (False, True)


@pytest.mark.parametrize(
    ("token", "arguments", "word"),
    [
        ("xoxb-other", {"channel": "#shop-alerts", "text": "a"}, "invalid_auth"),
        (WORKSPACE.token, {"channel": "#nowhere", "text": "a"}, "channel_not_found"),
        (WORKSPACE.token, {"channel": "#shop-alerts", "blocks": [{"type": "x"}]}, "invalid_blocks"),
    ],
)
async def test_it_refuses_what_slack_refuses(token: str, arguments: Any, word: str) -> None:
    async with previewing() as (slack, _):
        client = AsyncWebClient(token=token, base_url=f"{slack.url}/api/")
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(**{"text": "a", **arguments})
        assert caught.value.response["error"] == word


async def test_a_message_is_shown_with_its_colour_facts_links_and_small_print() -> None:
    async with previewing() as (slack, browser):
        slack.keep(root(button("approve", style="primary")))
        html = await browser.page()
    assert "border-left-color:#d72b3f" in html
    assert "<dt>Target</dt><dd>shop &lt;b&gt;</dd>" in html
    assert '<a href="http://h/r" rel="noopener noreferrer">Runbook</a>' in html
    assert "Script (javascript:x)" in html
    assert '<button class="b primary">approve</button>' in html
    assert '<div class="n">incident 7</div>' in html


async def test_the_newest_incident_comes_first_and_an_older_one_is_folded() -> None:
    async with previewing() as (slack, browser):
        old = slack.keep(root(text="older"))
        slack.keep({"text": "a reply"}, old.ts)
        for number in range(OPEN):
            slack.keep(root(text=f"newer {number}", incident=8 + number))
        html = await browser.page()
        assert html.index("newer 2") < html.index("newer 1") < html.index("older")
        assert f'<a href="/threads/{old.ts}" rel="noopener noreferrer">1 reply</a>' in html
        assert "a reply" not in html
        assert "a reply" in await browser.page(f"/threads/{old.ts}")


async def test_an_incident_has_an_address_of_its_own() -> None:
    async with previewing() as (slack, browser):
        slack.keep(root(text="of an earlier journal"))
        slack.keep(root(text="this one"))
        slack.keep(root(text="another", incident=8))
        html = await browser.page("/incidents/7")
        assert ("this one" in html, "another" in html) == (True, False)
        assert "another" in await browser.page("/incidents/9999")  # not told of yet


async def test_a_press_reaches_the_receiver_signed_as_slack_signs() -> None:
    async with with_receiver() as (slack, browser, receiver):
        slack.keep(root(button("acknowledge")))
        await browser.press(slack, "acknowledge")
    ((headers, body),) = receiver.taken
    verifier = SignatureVerifier(WORKSPACE.signing_secret)
    assert verifier.is_valid_request(body, headers)
    assert HUMAN.encode() in body


async def test_what_cannot_be_taken_back_is_asked_once_more() -> None:
    async with with_receiver() as (slack, browser, receiver):
        dialogue = {name: plain(text) for name, text in SURE.items()}
        slack.keep(root(button("approve", confirm=dialogue)))
        html = await browser.press(slack, "approve")
        assert ("Approve?" in html, "restart shop" in html, receiver.taken) == (True, True, [])
        assert 'http-equiv="refresh"' not in html
        await browser.press(slack, "approve", sure="yes")
        assert len(receiver.taken) == 1


async def test_a_press_that_the_receiver_refuses_is_said_so() -> None:
    async with with_receiver(status=401) as (slack, browser, _):
        slack.keep(root(button("acknowledge")))
        html = await browser.press(slack, "acknowledge")
    assert "The receiver did not take it: it answered 401." in html


async def test_a_receiver_that_is_away_is_said_so() -> None:
    async with previewing() as (slack, browser):
        slack.keep(root(button("acknowledge")))
        assert "did not take it: it does not answer" in await browser.press(slack, "acknowledge")


async def test_a_button_that_is_gone_says_nothing() -> None:
    async with with_receiver() as (slack, browser, receiver):
        slack.keep(root())
        await browser.press(slack, "approve")
        assert receiver.taken == []


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}]
)
async def test_another_page_in_the_same_browser_cannot_press(headers: dict[str, str]) -> None:
    async with with_receiver() as (slack, browser, receiver):
        one = slack.keep(root(button("acknowledge")))
        form = {"ts": one.ts, "word": "acknowledge"}
        answer = await browser.post("/press", data=form, headers=headers)
        assert (answer.status, receiver.taken) == (403, [])


async def test_the_page_may_run_nothing_and_stand_in_no_frame() -> None:
    async with previewing() as (slack, browser):
        slack.keep(root(text="&lt;script&gt;alert(1)&lt;/script&gt;"))
        answer = await browser.get("/")
        html = await answer.text()
    assert "<script" not in html
    assert "default-src 'none'" in html
    assert answer.headers["X-Frame-Options"] == "DENY"


async def test_a_response_url_takes_five_answers() -> None:
    async with previewing() as (slack, browser):
        codes = [
            (await browser.post("/actions/T0/1.2/3", json={"text": "a"})).status for _ in range(6)
        ]
    assert codes == [200] * 5 + [400]
    assert slack.said_to("1.2") == ["a"] * 5


async def test_what_is_oldest_is_forgotten() -> None:
    slack = Slack(WORKSPACE, lambda: 1.0)
    for number in range(2100):
        slack.keep({"text": str(number)})
    assert (len(slack.posted), slack.posted[0].body["text"]) == (2000, "100")
    assert len({one.ts for one in slack.posted}) == 2000


async def test_a_real_receiver_tells_it_and_does_what_is_pressed(tmp_path: Path) -> None:
    """From the question in the page to the yes in the journal, and to who said it in the thread."""
    slack = Slack(WORKSPACE, lambda: 1_700_000_000.0)
    preview = Preview(slack, "")
    async with Browser(TestServer(preview.app())) as browser:
        slack.url = str(browser.make_url("")).rstrip("/")
        keys = {"kind": "slack", "bot_token": WORKSPACE.token, "channel": WORKSPACE.name}
        keys |= {"api_url": slack.url, "signing_secret": WORKSPACE.signing_secret}
        chat = {**keys, "approvers": [HUMAN]}
        config: dict[str, Any] = {"mode": "approve", "playbooks": [ONE_RUNG]}
        async with serving(tmp_path, channels={"chat": chat}, **config) as client:
            preview.receiver = client.url
            await fire(client)
            await until(lambda: "approve" in str(slack.posted), "asked in the preview")
            assert "Approve?" in await browser.press(slack, "approve")
            html = await browser.press(slack, "approve", sure="yes")
            assert re.search(r"Only visible to you.*Approved", html)
            assert len(await journal(client, "approved")) == 1
            assert await state(client) != "AWAITING_APPROVAL"


def test_words_are_words_wherever_they_stand() -> None:
    marks = ("<i>", "<u>", "<em>", "<s>", "<tt>", "<q>", "<big>")
    reply = Shown("<q>", whispers=["<big>"])
    html = page("<t>", [Shown("<i>", '"red', "<u>", ["<em>"], [("<s>", "<tt>")], replies=[reply])])
    assert not any(mark in html for mark in (*marks, '="border-left-color:"'))


def test_a_button_without_a_place_to_go_is_only_shown() -> None:
    assert '<span class="b">Deny</span>' in page("t", [Shown("a", buttons=[Button("Deny")])])


def test_without_its_secrets_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "none")
    assert main(["--token-file", missing, "--signing-secret-file", missing]) == 2
    assert "the preview cannot run" in capsys.readouterr().err
