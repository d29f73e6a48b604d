"""A form with a picture, as the services read it; and what each channel makes of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from receiver.channels.base import ChannelError, Notice
from receiver.channels.discord import Discord
from receiver.channels.email import _mail
from receiver.channels.multipart import PICTURE, form
from receiver.channels.telegram import Telegram
from receiver.outside.http import open_http
from receiver.tools import Tools
from tests.receiver.channels.notices import a_notice, tell
from tests.receiver.channels.stories import HOSTILE, ended, hostile, opened
from tests.receiver.channels.test_email import a_channel
from tests.receiver.stand_ins import StandInPrograms, SteppedClock
from tests.servers.discord import HOOK, discord_stand_in
from tests.servers.telegram import CHAT, TOKEN, telegram_stand_in

PNG, OTHER = b"\x89PNG\r\n\x1a\n\r\n--prunella\x00\xff", b"\x89PNG\r\n\x1a\nother"


def parts_of(kind: str, body: bytes) -> Mapping[str, bytes]:
    """As the standard library reads a form."""
    mail = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=default)
    return {
        str(part["Content-Disposition"].params["name"]): bytes(part.get_payload(decode=True))
        for part in mail.iter_parts()
    }


def discord(url: str, **options: Any) -> Discord:
    return Discord(webhook_url=SecretStr(f"https://discord.com{HOOK}"), api_url=url, **options)


def telegram(url: str) -> Telegram:
    return Telegram(bot_token=SecretStr(TOKEN), chat_id=str(CHAT), api_url=url)


async def told(channel: Discord | Telegram, *notices: Notice) -> None:
    """One incident's notices in order."""
    async with open_http() as http:
        await tell(channel, Tools(SteppedClock(), http, StandInPrograms()), *notices)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_boundary_is_inside_what_is_sent(words: bytes, picture: bytes) -> None:
    kind, body = form({"a": words}, "file", picture)
    boundary = kind.partition("boundary=")[2].encode()
    assert body.count(boundary) == 3


def test_both_parts_are_read_as_they_were() -> None:
    kind, body = form({"payload_json": b'{"a":1}'}, "files[0]", PNG)
    parts = parts_of(kind, body)
    assert parts["payload_json"].rstrip(b"\r\n") == b'{"a":1}'
    assert f'filename="{PICTURE}"\r\nContent-Type: image/png\r\n\r\n'.encode() + PNG in body


@pytest.mark.parametrize("forum", [False, True])
async def test_discord_shows_it_inside_the_incidents_message(forum: bool) -> None:
    async with discord_stand_in(forum=forum) as server:
        await told(discord(server.url, forum=forum), opened(picture=PNG))
        assert server.posted[0].picture == PNG
        assert server.messages[0]["embeds"][0]["image"] == {"url": f"attachment://{PICTURE}"}


async def test_discord_gets_a_newer_picture_by_an_edit_and_keeps_the_last() -> None:
    async with discord_stand_in() as server:
        acted = a_notice(event="acted")
        await told(discord(server.url), opened(picture=PNG), acted, ended(picture=OTHER), acted)
        (message,) = server.posted
        assert (message.edits, message.picture) == (3, OTHER)


async def test_telegram_gets_it_as_a_silent_reply_to_the_incident() -> None:
    async with telegram_stand_in() as server:
        await told(telegram(server.url), opened(picture=PNG), ended(picture=OTHER))
        root, first, reply, second = server.posted
        assert (first.picture, second.picture) == (PNG, OTHER)
        assert [one.replies_to for one in (first, reply, second)] == [root.id] * 3
        assert first.body["disable_notification"] == "true"


async def test_a_picture_that_telegram_does_not_take_is_no_error() -> None:
    async with telegram_stand_in() as server:
        server.allowance = 1
        await told(telegram(server.url), opened(picture=PNG))
        assert (server.calls, len(server.posted)) == (["sendMessage", "sendPhoto"], 1)


async def test_a_message_that_is_not_taken_has_no_picture_either() -> None:
    async with telegram_stand_in() as server:
        server.refusals.append(web.Response(status=502))
        with pytest.raises(ChannelError):
            await told(telegram(server.url), opened(picture=PNG))
        assert server.calls == ["sendMessage"]


def test_a_mail_has_it_inside_the_page() -> None:
    mail = message_from_bytes(bytes(_mail(opened(picture=PNG), a_channel(25))), policy=default)
    assert isinstance(mail, EmailMessage)
    kinds = [part.get_content_type() for part in mail.walk()]
    both = ["text/plain", "multipart/related", "text/html", "image/png"]
    assert kinds == ["multipart/alternative", *both]
    *_, page, image = mail.walk()
    assert image.get_payload(decode=True) == PNG
    assert f'src="cid:{str(image["Content-ID"]).strip("<>")}"' in str(page.get_content())


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_words_beside_a_picture_stay_words(text: str) -> None:
    async with discord_stand_in() as server:
        await told(discord(server.url), replace(hostile(text), picture=PNG))
        assert server.posted[0].picture == PNG
        assert server.pings == []
    mail = bytes(_mail(replace(hostile(text), picture=PNG, step=""), a_channel(25)))
    assert mail.count(b"Content-ID:") == 1
    assert json.dumps(text)  # a lone surrogate is no reason to fail
