from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from receiver.channels.base import THREAD_MOST, ChannelError
from receiver.channels.discord import Discord
from receiver.channels.discord_message import new_message, root_message
from receiver.outside.http import open_http
from receiver.tools import Response, Tools
from tests.receiver.channels.golden import is_golden
from tests.receiver.channels.notices import a_notice, tell
from tests.receiver.channels.stories import HOSTILE, QUESTION, asked, ended, hostile, opened
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox
from tests.servers.discord import HOOK, DiscordStandIn, _check, discord_stand_in

URL = SecretStr(f"https://discord.com{HOOK}")
KEYS = {"content", "embeds", "allowed_mentions", "flags"}


@asynccontextmanager
async def hook(**options: Any) -> AsyncIterator[tuple[DiscordStandIn, Discord, Tools]]:
    async with (
        discord_stand_in(forum=options.get("forum", False)) as discord,
        open_http() as http,
    ):
        channel = Discord(webhook_url=URL, api_url=discord.url, **options)
        yield discord, channel, Tools(SteppedClock(), http, StandInPrograms())


async def test_one_incident_is_one_message_that_is_edited() -> None:
    async with hook() as (discord, channel, tools):
        thread = await tell(channel, tools, opened(), a_notice(event="acted"), ended())
        (message,) = discord.posted
        assert message.edits == 2
        assert message.body["embeds"][0]["color"] == 0x2EB67D
        assert len(thread) <= THREAD_MOST


async def test_who_is_asked_something_gets_a_message_that_is_heard() -> None:
    async with hook() as (discord, channel, tools):
        await tell(channel, tools, opened(), asked())
        assert [one.edits for one in discord.posted] == [1, 0]
        assert discord.messages[1]["content"].startswith(r"**\[approval needed\] shop is down**")


async def test_what_is_told_again_is_told_once_more_at_most() -> None:
    async with hook() as (discord, channel, tools):
        thread = await tell(channel, tools, opened())
        discord.refusals.append(web.Response(status=502))
        with pytest.raises(ChannelError):
            await tell(channel, tools, asked(), thread=thread)
        await tell(channel, tools, asked(), thread=thread)
        assert discord.calls == ["POST", "PATCH", "PATCH", "POST"]


async def test_in_a_forum_an_incident_is_a_post_and_all_news_are_below_it() -> None:
    async with hook(forum=True) as (discord, channel, tools):
        await tell(channel, tools, opened(), a_notice(event="acted"), ended())
        root, *below = discord.posted
        assert root.thread == root.id
        assert [one.thread for one in below] == [root.id, root.id]


@pytest.mark.parametrize("forum", [False, True])
async def test_a_message_that_somebody_deleted_is_written_anew(forum: bool) -> None:
    async with hook(forum=forum) as (discord, channel, tools):
        thread = await tell(channel, tools, opened())
        discord.posted.clear()
        assert await tell(channel, tools, asked(), thread=thread)
        assert len(discord.posted) == 1


async def test_a_digest_is_a_message_of_its_own() -> None:
    async with hook() as (discord, channel, tools):
        assert await tell(channel, tools, replace(opened(), incident=0)) == ""
        assert len(discord.posted) == 1


@pytest.mark.parametrize("thread", ["x", "[]", '["../.."]', '["1/2", null]', "[7, null]"])
async def test_a_thread_that_cannot_be_part_of_an_address_is_none(thread: str) -> None:
    async with hook() as (discord, channel, tools):
        await tell(channel, tools, opened(), thread=thread)
        assert discord.calls == ["POST"]


async def test_a_thread_in_the_config_is_written_into() -> None:
    http = StandInHttp(Response(200, b'{"id": "7"}'))
    await Discord(webhook_url=URL, thread_id="42").send(opened(), a_toolbox(http=http))
    assert http.asked[0].url == f"https://discord.com{HOOK}?thread_id=42&wait=true"


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_words_are_words(text: str) -> None:
    async with hook() as (discord, channel, tools):
        await tell(channel, tools, hostile(text), hostile(text))
        assert discord.pings == []
        assert len(discord.posted) == 2
        shown = json.dumps(discord.messages[0])
        assert all(to in shown for to in discord.links.values())
        assert all(to.startswith("https://h/") for to in discord.links.values())


@given(
    st.text(max_size=5000),
    st.text(max_size=5000),
    st.dictionaries(st.text(), st.text(), max_size=30),
)
def test_whatever_the_labels_say_discord_takes_it(
    title: str, text: str, facts: dict[str, str]
) -> None:
    notice = replace(a_notice(title=title, text=text, links=facts), facts=facts, question=QUESTION)
    _check(root_message(notice, "prod"), KEYS)
    _check(new_message(notice), KEYS)


@pytest.mark.parametrize("fill", ["x", "*", "\N{PILE OF POO}", "\n-", "\x00"])
def test_long_texts_are_cut_at_discords_limits(fill: str) -> None:
    facts = {f"{n}{fill * 300}": fill * 2000 for n in range(30)}
    links = {f"L{n}": "http://h/" + "x" * 300 for n in range(20)}
    notice = replace(asked(), title=fill * 999, text=fill * 9999, facts=facts, links=links)
    message = root_message(notice, fill * 999)
    _check(message, KEYS)
    assert str(message).count("…") >= 22


async def test_a_page_answers_where_there_are_no_buttons() -> None:
    page = "https://prunella.example/answer/12.nonce"
    async with hook() as (discord, channel, tools):
        await tell(channel, tools, asked(question=replace(QUESTION, page=page)))
        assert discord.links["Approve or deny"] == page


async def test_too_many_messages_are_sent_later_to_the_millisecond() -> None:
    async with hook() as (discord, channel, tools):
        discord.allowance = 0
        with pytest.raises(ChannelError) as caught:
            await tell(channel, tools, opened())
        assert (caught.value.permanent, caught.value.retry_after) == (False, 1.337)
        discord.allowance = 1
        await tell(channel, tools, opened())


async def test_a_webhook_that_was_deleted_is_not_asked_again() -> None:
    async with hook() as (discord, channel, tools):
        thread = await tell(channel, tools, opened())
        discord.deleted = True
        for known in ("", thread):
            with pytest.raises(ChannelError, match="make a new one") as caught:
                await tell(channel, tools, asked(), thread=known)
            assert caught.value.permanent


@pytest.mark.parametrize(
    ("options", "forum", "cure"),
    [({}, True, "set `forum: true`"), ({"forum": True}, False, "leave `forum` out")],
)
async def test_a_forum_says_that_it_is_one(options: dict[str, Any], forum: bool, cure: str) -> None:
    async with hook(**options) as (discord, channel, tools):
        discord.forum = forum
        with pytest.raises(ChannelError, match=cure):
            await tell(channel, tools, opened())


@pytest.mark.parametrize(
    ("status", "body", "permanent"),
    [
        (401, b'{"code": 50027}', True),
        (404, b'{"code": 10015, "message": "c4nary"}', True),
        (400, b"c4nary", True),
        (500, b"", False),
        (200, b"<html>", False),
        (204, b"", False),
    ],
)
async def test_a_refusal_is_worth_another_try_or_not(
    status: int, body: bytes, permanent: bool
) -> None:
    http = StandInHttp(Response(status, body))
    with pytest.raises(ChannelError) as caught:
        await Discord(webhook_url=URL).send(opened(), a_toolbox(http=http))
    assert caught.value.permanent is permanent
    assert "c4nary" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{}, {"webhook_url": "c4nary"}, {"thread_id": "c4nary"}])
def test_what_is_no_webhook_is_refused_without_showing_it(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Discord.model_validate(wrong)
    assert "input_value='c4nary'" not in str(caught.value)


async def test_the_body_is_the_one_that_was_looked_at() -> None:
    async with hook(environment="production") as (discord, channel, tools):
        question = replace(QUESTION, page="https://prunella.example/answer/12.nonce")
        thread = await tell(channel, tools, opened(), asked(question=question))
        is_golden("discord", discord.messages)
        await tell(channel, tools, ended(), thread=thread)
        is_golden("discord-ended", discord.messages[0])


async def test_what_was_received_can_be_looked_at() -> None:
    async with hook() as (discord, channel, tools):
        await tell(channel, tools, hostile("<script>x</script>"), asked())
        html = discord.preview()
    assert "rollback on shop" in html
    assert "<script>" not in html
