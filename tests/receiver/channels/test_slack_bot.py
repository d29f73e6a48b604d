from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from receiver.channels.base import THREAD_MOST, ChannelError
from receiver.channels.slack import Slack
from receiver.outside.http import open_http
from receiver.tools import Response, Tools
from tests.receiver.channels.golden import is_golden
from tests.receiver.channels.notices import a_notice, tell
from tests.receiver.channels.stories import HOSTILE, asked, ended, hostile, opened
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox
from tests.servers.slack import CHANNEL, NAME, SIGNING_SECRET, TOKEN, SlackStandIn, slack_stand_in


@asynccontextmanager
async def bot(**options: Any) -> AsyncIterator[tuple[SlackStandIn, Slack, Tools]]:
    async with slack_stand_in() as slack, open_http() as http:
        keys = {"bot_token": SecretStr(TOKEN), "channel": NAME, "api_url": slack.url}
        yield slack, Slack(**{**keys, **options}), Tools(SteppedClock(), http, StandInPrograms())


async def test_one_incident_is_one_message_and_its_thread() -> None:
    async with bot() as (slack, channel, tools):
        await tell(channel, tools, opened(), asked(), ended())
        root, *replies = slack.posted
        assert [reply.thread_ts for reply in replies] == [root.ts, root.ts]
        assert (root.thread_ts, root.updates) == (None, 2)
        assert root.body["text"] == "[resolved] shop is down"
        assert root.body["attachments"][0]["color"] == "#2eb67d"


async def test_what_is_told_again_is_told_once_more_at_most() -> None:
    async with bot() as (slack, channel, tools):
        thread = await tell(channel, tools, opened())
        slack.refusals.append(web.Response(status=503))
        with pytest.raises(ChannelError):
            await tell(channel, tools, asked(), thread=thread)
        assert len(slack.posted) == 1  # the update failed: nothing was said yet
        await tell(channel, tools, asked(), thread=thread)
        assert [one.thread_ts is None for one in slack.posted] == [True, False]


async def test_a_message_twice_says_that_it_is_the_same() -> None:
    async with bot() as (slack, channel, tools):
        slack.lost = 1  # taken, and the answer lost
        with pytest.raises(ChannelError) as caught:
            await tell(channel, tools, opened())
        assert not caught.value.permanent
        await tell(channel, tools, opened())
        payloads = [message["metadata"]["event_payload"] for message in slack.messages]
        assert payloads[0] == payloads[1] == {"dedup_key": "prunella-j-12-opened", "incident": 12}


async def test_who_is_asked_hears_it_in_the_channel_too() -> None:
    async with bot() as (slack, channel, tools):
        await tell(channel, tools, opened(), a_notice(event="acted"), asked())
        assert [m.get("reply_broadcast") for m in slack.messages] == [None, None, True]


async def test_a_message_that_somebody_deleted_is_written_anew() -> None:
    async with bot() as (slack, channel, tools):
        thread = await tell(channel, tools, opened())
        slack.posted.clear()
        assert await tell(channel, tools, asked(), thread=thread)
        assert (len(slack.posted), slack.posted[0].thread_ts) == (1, None)


async def test_a_message_that_may_not_be_changed_any_more_still_has_a_thread() -> None:
    async with bot() as (slack, channel, tools):
        thread = await tell(channel, tools, opened())
        late = {"ok": False, "error": "edit_window_closed"}
        slack.refusals.append(web.json_response(late))
        await tell(channel, tools, ended(), thread=thread)
        assert [one.updates for one in slack.posted] == [0, 0]
        assert slack.posted[1].thread_ts == slack.posted[0].ts


async def test_another_channel_in_the_config_gets_a_message_of_its_own() -> None:
    async with bot() as (slack, channel, tools):
        thread = await tell(channel, tools, opened())
        moved = channel.model_copy(update={"channel": CHANNEL})
        await tell(moved, tools, ended(), thread=thread)
        assert [one.thread_ts for one in slack.posted] == [None, None]


@pytest.mark.parametrize("thread", ["nonsense", "[]", '["#ops"]', "{}", "7"])
async def test_a_thread_that_cannot_be_read_is_none(thread: str) -> None:
    async with bot() as (slack, channel, tools):
        await tell(channel, tools, opened(), thread=thread)
        assert slack.calls == ["chat.postMessage"]


async def test_a_digest_is_no_thread() -> None:
    async with bot() as (slack, channel, tools):
        assert await tell(channel, tools, replace(opened(), incident=0)) == ""
        assert len(slack.posted) == 1


async def test_what_comes_back_is_short_enough_to_be_kept() -> None:
    async with bot() as (_, channel, tools):
        assert 0 < len(await tell(channel, tools, opened())) <= THREAD_MOST


async def test_only_the_newest_state_can_be_pressed() -> None:
    keys = {"signing_secret": SecretStr(SIGNING_SECRET), "approvers": ("U0ANN",)}
    async with bot(**keys) as (slack, channel, tools):
        thread = await tell(channel, tools, opened(), asked())
        assert list(slack.buttons(0))[:2] == ["approve", "deny"]
        assert slack.buttons(1) == {}
        await tell(channel, tools, ended(), thread=thread)
        assert slack.buttons(0) == {}


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_words_are_words_in_the_thread_too(text: str) -> None:
    async with bot() as (slack, channel, tools):
        await tell(channel, tools, hostile(text), hostile(text))
        assert (slack.pings, len(slack.posted)) == ([], 2)


@pytest.mark.parametrize(
    ("word", "permanent", "cure"),
    [
        ("invalid_auth", True, "`bot_token` is wrong"),
        ("missing_scope", True, "chat:write"),
        ("not_in_channel", True, "/invite"),
        ("channel_not_found", True, "check `channel`"),
        ("msg_too_long", True, "msg_too_long"),
        ("internal_error", False, "internal_error"),
        ("ratelimited", False, "ratelimited"),
        ("xoxb-c4nary", True, "no word that is known"),
    ],
)
async def test_slacks_word_is_said_with_what_to_do(word: str, permanent: bool, cure: str) -> None:
    body = f'{{"ok": false, "error": "{word}"}}'.encode()
    http = StandInHttp(Response(200, body, {"Retry-After": "7"}))
    channel = Slack(bot_token=SecretStr(TOKEN), channel=NAME)
    with pytest.raises(ChannelError) as caught:
        await channel.send(opened(), a_toolbox(http=http))
    error = caught.value
    assert (error.permanent, error.retry_after) == (permanent, None if permanent else 7)
    assert cure in str(error)
    assert "c4nary" not in str(error)


async def test_too_many_messages_are_sent_later() -> None:
    async with bot() as (slack, channel, tools):
        slack.allowance = 1
        thread = await tell(channel, tools, opened())
        with pytest.raises(ChannelError) as caught:
            await tell(channel, tools, ended(), thread=thread)
        assert (caught.value.permanent, caught.value.retry_after) == (False, 30)
        slack.allowance = 1
        await tell(channel, tools, ended(), thread=thread)
        assert len(slack.posted) == 2


async def test_the_token_goes_to_slack_and_nowhere_else() -> None:
    http = StandInHttp(Response(200, b'{"ok": true, "channel": "C1", "ts": "1.2"}'))
    channel = Slack(bot_token=SecretStr(TOKEN), channel=NAME)
    await channel.send(opened(), a_toolbox(http=http))
    (asked_,) = http.asked
    assert asked_.url == "https://slack.com/api/chat.postMessage"
    assert asked_.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN.encode() not in (asked_.body or b"")
    assert "c4nary" not in repr(channel) + channel.model_dump_json()


async def test_the_body_is_the_one_that_was_looked_at() -> None:
    keys = {"signing_secret": SecretStr(SIGNING_SECRET), "approvers": ("U0ANN",)}
    async with bot(environment="production", **keys) as (slack, channel, tools):
        thread = await tell(channel, tools, opened(), asked())
        is_golden("slack", slack.messages)
        await tell(channel, tools, ended(), thread=thread)
        is_golden("slack-ended", slack.messages[0])
