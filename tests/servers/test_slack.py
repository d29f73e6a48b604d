"""That the stand-in is Slack where it matters: Slack's own client and verifier say so."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from demo.preview.page import Button, Shown, page
from tests.servers.slack import (
    CHANNEL,
    HOOK,
    NAME,
    SIGNING_SECRET,
    TOKEN,
    SlackStandIn,
    signed,
    slack_stand_in,
)

BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "a"}}]


def client(slack: SlackStandIn, token: str = TOKEN) -> AsyncWebClient:
    return AsyncWebClient(token=token, base_url=f"{slack.url}/api/")


async def test_slacks_own_client_posts_answers_and_updates() -> None:
    async with slack_stand_in() as slack:
        web = client(slack)
        assert (await web.auth_test())["team"] == "example"
        root = await web.chat_postMessage(channel=NAME, text="root", blocks=BLOCKS)
        await web.chat_postMessage(channel=root["channel"], text="reply", thread_ts=root["ts"])
        await web.chat_update(channel=root["channel"], ts=root["ts"], text="changed")
        assert [one.body["text"] for one in slack.posted] == ["changed", "reply"]
        assert slack.posted[1].thread_ts == root["ts"]


@pytest.mark.parametrize(
    ("token", "arguments", "word"),
    [
        ("xoxb-other", {"channel": NAME, "text": "a"}, "invalid_auth"),
        (TOKEN, {"channel": "#nowhere", "text": "a"}, "channel_not_found"),
        (TOKEN, {"channel": NAME, "text": "a" * 40_001}, "msg_too_long"),
        (TOKEN, {"channel": NAME, "text": "a", "blocks": BLOCKS * 51}, "invalid_blocks"),
        (TOKEN, {"channel": NAME, "text": "a", "blocks": [{"type": "sec"}]}, "invalid_blocks"),
        (TOKEN, {"channel": NAME, "text": "a", "thread_ts": "1.2"}, "thread_not_found"),
        (TOKEN, {"channel": CHANNEL, "text": "a" * 13_500}, "msg_blocks_too_long"),
    ],
)
async def test_what_slack_refuses_is_refused_in_its_words(
    token: str, arguments: dict[str, Any], word: str
) -> None:
    async with slack_stand_in() as slack:
        with pytest.raises(SlackApiError) as caught:
            await client(slack, token).chat_postMessage(**arguments)
        assert caught.value.response["error"] == word


async def test_a_message_that_is_not_there_cannot_be_updated() -> None:
    async with slack_stand_in() as slack:
        for channel, word in ((CHANNEL, "message_not_found"), (NAME, "channel_not_found")):
            with pytest.raises(SlackApiError) as caught:
                await client(slack).chat_update(channel=channel, ts="1.2", text="a")
            assert caught.value.response["error"] == word


async def test_a_flood_is_told_when_to_come_back() -> None:
    async with slack_stand_in() as slack:
        slack.allowance = 0
        with pytest.raises(SlackApiError) as caught:
            await client(slack).chat_postMessage(channel=NAME, text="a")
        response = caught.value.response
        assert (response["error"], response.headers["Retry-After"]) == ("ratelimited", "30")


async def test_slacks_own_client_posts_by_webhook_and_answers_a_press() -> None:
    async with slack_stand_in() as slack:
        hook = AsyncWebhookClient(slack.url + HOOK)
        assert (await hook.send(text="a", blocks=BLOCKS)).body == "ok"
        answered = await AsyncWebhookClient(f"{slack.url}/actions/T0/1/x").send(text="only you")
        assert (answered.status_code, slack.heard[0]["text"]) == (200, "only you")


@pytest.mark.parametrize(("late", "valid"), [(0.0, True), (299.0, True), (301.0, False)])
async def test_slacks_own_verifier_takes_a_press_within_five_minutes(
    late: float, valid: bool
) -> None:
    class Later(Clock):
        def now(self) -> float:
            return 1_700_000_000.0 + late

    headers, body = signed({"type": "block_actions"}, 1_700_000_000.0)
    verifier = SignatureVerifier(SIGNING_SECRET, Later())
    assert verifier.is_valid_request(body, headers) is valid
    assert not verifier.is_valid_request(body + b" ", headers)


async def test_what_was_received_can_be_looked_at() -> None:
    async with slack_stand_in() as slack:
        web = client(slack)
        root = await web.chat_postMessage(channel=NAME, text="&lt;script&gt; root", blocks=BLOCKS)
        await web.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=root["ts"])
        html = slack.preview()
    assert "&lt;script&gt; root" in html
    assert html.index("root") < html.index("reply")
    assert "<script>" not in html


def test_a_page_shows_words_as_words() -> None:
    html = page(
        "<t>", [Shown("<i>", '"red', at="<b>", lines=["<u>"], buttons=[Button("<u>")], note="<n>")]
    )
    assert not any(mark in html for mark in ("<i>", "<b>", "<u>", "<n>", '="border-color:"'))
