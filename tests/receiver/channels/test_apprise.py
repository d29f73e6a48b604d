"""Through the library itself, to a server that takes what it sends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr, ValidationError

from receiver.channels.apprise import Apprise
from receiver.channels.base import ChannelError, Question
from tests.receiver.channels.notices import a_notice
from tests.receiver.stand_ins import a_toolbox

SECRET = "c4nary5b2e"


@dataclass
class Inbox:
    url: str = ""
    status: int = 200
    hangs: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)


@asynccontextmanager
async def inbox() -> AsyncIterator[Inbox]:
    box = Inbox()

    async def hear(request: web.Request) -> web.Response:
        if box.hangs:
            await asyncio.sleep(3)
        box.messages.append(await request.json())
        return web.Response(status=box.status)

    app = web.Application()
    app.router.add_post(f"/{SECRET}", hear)
    async with TestServer(app) as server:
        box.url = f"json://127.0.0.1:{server.port}/{SECRET}"
        yield box


async def test_a_notice_arrives_as_text() -> None:
    asked = Question("n", "roll api back", 1_700_000_900.0, "https://prunella.example.org/answer/t")
    notice = replace(a_notice(), facts={"Tried": "restart"}, question=asked)
    async with inbox() as box:
        await Apprise(url=SecretStr(box.url), environment="prod").send(notice, a_toolbox())
    (message,) = box.messages
    assert (message["title"], message["type"]) == ("[firing] shop is down", "failure")
    assert message["message"] == (
        "HighErrorRate on shop\n\nApproval asked for: roll api back\nTried: restart\n\n"
        "Approve or deny: https://prunella.example.org/answer/t\n\n"
        "critical · opened · restart · prod · incident 12"
    )


async def test_what_is_not_taken_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async with inbox() as box:
        box.status = 500
        with caplog.at_level(logging.DEBUG), pytest.raises(ChannelError) as caught:
            await Apprise(url=SecretStr(box.url)).send(a_notice(), a_toolbox())
    assert not caught.value.permanent
    ours = [one.getMessage() for one in caplog.records if one.name != "aiohttp.access"]  # the inbox
    assert SECRET not in f"{ours} {caught.value!r}"


async def test_a_service_that_hangs_costs_no_more_than_the_time_given() -> None:
    async with inbox() as box:
        box.hangs = True
        channel = Apprise.model_validate({"url": box.url, "timeout": "300ms"})
        with pytest.raises(ChannelError, match=r"0\.3 s") as caught:
            await channel.send(a_notice(), a_toolbox())
    assert caught.value.unknown


@pytest.mark.parametrize("url", ["", "nowhere", "pigeon://loft"])
def test_what_apprise_does_not_know_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValidationError, match="no address that Apprise knows") as caught:
        Apprise(url=SecretStr(url))
    assert not url or url not in str(caught.value)
