from __future__ import annotations

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
from receiver.channels.buttons import unseal
from receiver.channels.telegram import Telegram
from receiver.channels.telegram_message import reply_message, root_message
from receiver.outside.http import open_http
from receiver.tools import OutsideError, Response, Tools
from tests.receiver.channels.golden import is_golden
from tests.receiver.channels.notices import a_notice, tell
from tests.receiver.channels.stories import HOSTILE, QUESTION, asked, ended, hostile, opened
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox
from tests.servers.telegram import CHAT, GROUP, SECRET, TOKEN, TelegramStandIn, check_text
from tests.servers.telegram import telegram_stand_in as stand_in

PRESSED: dict[str, Any] = {"webhook_secret": SecretStr(SECRET), "approvers": (7001,)}


@asynccontextmanager
async def bot(**options: Any) -> AsyncIterator[tuple[TelegramStandIn, Telegram, Tools]]:
    async with stand_in() as telegram, open_http() as http:
        keys = {"bot_token": SecretStr(TOKEN), "chat_id": str(CHAT), "api_url": telegram.url}
        tools = Tools(SteppedClock(), http, StandInPrograms())
        yield telegram, Telegram(**{**keys, **options}), tools


async def test_one_incident_is_one_message_and_replies_to_it() -> None:
    async with bot() as (telegram, channel, tools):
        thread = await tell(channel, tools, opened(), asked(), ended())
        root, *replies = telegram.posted
        assert (root.edits, [one.replies_to for one in replies]) == (2, [root.id, root.id])
        assert root.text.startswith("🟢 [resolved] shop is down\nThe alert has ended.")
        assert len(thread) <= THREAD_MOST


async def test_only_who_is_asked_something_is_disturbed() -> None:
    async with bot() as (telegram, channel, tools):
        await tell(channel, tools, opened(), a_notice(event="acted"), asked())
        silent = [one.body.get("disable_notification") for one in telegram.posted]
        assert silent == [None, True, False]


async def test_a_state_that_is_told_again_is_no_error() -> None:
    async with bot() as (telegram, channel, tools):
        thread = await tell(channel, tools, opened())
        telegram.refusals += [web.Response(status=502)]
        with pytest.raises(ChannelError):
            await tell(channel, tools, asked(), thread=thread)
        await tell(channel, tools, asked(), asked(), thread=thread)
        assert [one.edits for one in telegram.posted] == [1, 0, 0]


async def test_a_message_that_somebody_deleted_is_written_anew() -> None:
    async with bot() as (telegram, channel, tools):
        thread = await tell(channel, tools, opened())
        telegram.posted.clear()
        assert await tell(channel, tools, asked(), thread=thread)
        assert [one.replies_to for one in telegram.posted] == [None]


async def test_another_chat_in_the_config_gets_a_message_of_its_own() -> None:
    async with bot() as (telegram, channel, tools):
        thread = await tell(channel, tools, opened())
        await tell(channel.model_copy(update={"chat_id": GROUP}), tools, ended(), thread=thread)
        assert [one.replies_to for one in telegram.posted] == [None, None]


@pytest.mark.parametrize("thread", ["x", "[]", '["-1", "-1", "x"]', "[1, 2]"])
async def test_a_thread_that_cannot_be_read_is_none(thread: str) -> None:
    async with bot() as (telegram, channel, tools):
        await tell(channel, tools, opened(), thread=thread)
        assert telegram.calls == ["sendMessage"]


async def test_a_digest_is_a_message_of_its_own() -> None:
    async with bot() as (_, channel, tools):
        assert await tell(channel, tools, replace(opened(), incident=0)) == ""


async def test_a_group_that_was_upgraded_is_followed_and_remembered() -> None:
    async with bot() as (telegram, channel, tools):
        telegram.moved_to = -100777
        thread = await tell(channel, tools, opened())
        await tell(channel, tools, ended(), thread=thread)
        assert [one.body["chat_id"] for one in telegram.posted] == [-100777, -100777]
        assert telegram.calls == ["sendMessage"] * 2 + ["editMessageText", "sendMessage"]


async def test_a_topic_gets_the_message_and_the_replies() -> None:
    async with bot(thread_id=5) as (telegram, channel, tools):
        await tell(channel, tools, opened(), ended())
        assert [one.body["message_thread_id"] for one in telegram.posted] == [5, 5]


async def test_only_the_newest_state_can_be_pressed() -> None:
    async with bot(**PRESSED) as (telegram, channel, tools):
        thread = await tell(channel, tools, opened(), asked())
        assert list(telegram.buttons()) == [
            *("Approve", "Deny", "Acknowledge", "Resolve", "Pause all repairs")
        ]
        press = unseal(telegram.buttons()["Approve"], SecretStr(SECRET), str(CHAT))
        assert press is not None
        assert (press.word, press.bound) == ("approve", QUESTION.nonce)
        await tell(channel, tools, ended(), thread=thread)
        assert telegram.buttons() == {}


async def test_a_page_answers_where_there_are_no_buttons() -> None:
    question = replace(QUESTION, page="https://prunella.example/answer/12.nonce")
    async with bot() as (telegram, channel, tools):
        await tell(channel, tools, asked(question=question))
        assert telegram.links["Approve or deny"] == question.page


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_words_are_words(text: str) -> None:
    async with bot(**PRESSED) as (telegram, channel, tools):
        await tell(channel, tools, hostile(text), hostile(text))
        assert telegram.pings == []
        assert len(telegram.posted) == 2
        assert all(to.startswith("https://h/") for to in telegram.links.values())


@given(
    st.text(max_size=5000),
    st.text(max_size=5000),
    st.dictionaries(st.text(), st.text(), max_size=20),
)
def test_whatever_the_labels_say_telegram_takes_it(
    title: str, text: str, facts: dict[str, str]
) -> None:
    notice = replace(a_notice(title=title, text=text, links=facts), facts=facts, question=QUESTION)
    check_text(root_message(notice, "prod"))
    check_text(reply_message(notice))


@pytest.mark.parametrize("fill", ["x", "<", "&", "\N{PILE OF POO}", "\n@a", "\x00"])
def test_long_texts_are_cut_at_what_is_read(fill: str) -> None:
    facts = {f"{n}{fill * 300}": fill * 2000 for n in range(30)}
    links = {f"L{n}": "http://h/?a=1&b=2" for n in range(20)}
    notice = replace(asked(), title=fill * 999, text=fill * 9999, facts=facts, links=links)
    message = root_message(notice, fill * 999)
    check_text(message)
    assert str(message["text"]).count("…") >= 22


async def test_too_many_messages_are_sent_later() -> None:
    async with bot() as (telegram, channel, tools):
        telegram.allowance = 0
        with pytest.raises(ChannelError) as caught:
            await tell(channel, tools, opened())
        assert (caught.value.permanent, caught.value.retry_after) == (False, 31)


@pytest.mark.parametrize(
    ("status", "description", "permanent", "cure"),
    [
        (401, "Unauthorized", True, "`bot_token` is wrong"),
        (400, "Bad Request: chat not found", True, "check `chat_id`"),
        (403, "Forbidden: bot was kicked from the supergroup chat", True, "to the group again"),
        (400, "Bad Request: message thread not found", True, "check `thread_id`"),
        (400, "Bad Request: c4nary", True, "answered with 400"),
        (502, "Bad Gateway", False, "answered with 502"),
    ],
)
async def test_a_refusal_says_what_to_do_and_nothing_else(
    status: int, description: str, permanent: bool, cure: str
) -> None:
    body = f'{{"ok": false, "error_code": {status}, "description": "{description}"}}'.encode()
    http = StandInHttp(Response(status, body))
    channel = Telegram(bot_token=SecretStr(TOKEN), chat_id="1")
    with pytest.raises(ChannelError) as caught:
        await channel.send(opened(), a_toolbox(http=http))
    assert caught.value.permanent is permanent
    assert cure in str(caught.value)
    assert "c4nary" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"ok": 1}', b'{"result": {}}'])
async def test_what_is_not_telegram_is_no_success(body: bytes) -> None:
    http = StandInHttp(Response(200, body))
    with pytest.raises(ChannelError, match="not as Telegram does") as caught:
        await Telegram(bot_token=SecretStr(TOKEN), chat_id="1").send(opened(), a_toolbox(http=http))
    assert not caught.value.permanent


async def test_no_error_and_no_repr_shows_the_token_in_the_address() -> None:
    channel = Telegram(bot_token=SecretStr(TOKEN), chat_id="1", api_url="http://127.0.0.1:1")
    async with open_http() as http:
        with pytest.raises(ChannelError) as caught:
            await channel.send(opened(), Tools(SteppedClock(), http, StandInPrograms()))
    said = f"{caught.value!r} {caught.value.__cause__!r} {channel!r} {channel.model_dump_json()}"
    assert isinstance(caught.value.__cause__, OutsideError)
    assert "c4nary" not in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"bot_token": "c4nary"},
        {"bot_token": "1:c4nary/../x"},
        {"chat_id": "ops"},
        {"chat_id": True},
        {"webhook_secret": "c4nary" * 5},
        {"webhook_secret": "c4nary", "approvers": [1]},
        {"webhook_secret": "c4nary with spaces and more", "approvers": [1]},
        {"approvers": [7001]},
    ],
)
def test_what_cannot_work_is_refused_without_showing_a_secret(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Telegram.model_validate({"bot_token": TOKEN, "chat_id": CHAT, **wrong})
    assert "c4nary" not in str(caught.value)


async def test_the_body_is_the_one_that_was_looked_at() -> None:
    async with bot(environment="production", **PRESSED) as (telegram, channel, tools):
        thread = await tell(channel, tools, opened(), asked())
        is_golden("telegram", [one.body for one in telegram.posted])
        await tell(channel, tools, ended(), thread=thread)
        is_golden("telegram-ended", telegram.posted[0].body)
