from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from receiver.channels.base import ChannelError, Question
from receiver.channels.teams import MOST, Teams, _small
from receiver.outside.http import open_http
from receiver.tools import Tools
from tests.receiver.channels.golden import is_golden
from tests.receiver.channels.notices import a_notice
from tests.receiver.stand_ins import StandInPrograms, SteppedClock
from tests.servers.teams import PATH, QUERY, TeamsStandIn, _check_block, teams_stand_in

FACTS = {"Tried": "restart of shop, 12 s ago", "Next": "rollback, at 03:12 UTC"}
MARKUP = "**[a](https://evil.example)** <at>everyone</at> # {{DATE(2017-02-14T06:00:00Z)}}"


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[TeamsStandIn, Teams, Tools]]:
    async with teams_stand_in() as service, open_http() as http:
        channel = Teams(webhook_url=SecretStr(service.url), environment="prod")
        yield service, channel, Tools(SteppedClock(), http, StandInPrograms())


async def test_a_notice_is_a_card() -> None:
    asked = Question("n", "roll api back", 1_700_000_900.0, "https://prunella.example.org/answer/t")
    links = {"Runbook": "https://example.org/r", "Trap": "javascript:alert(1)"}
    async with connected() as (service, channel, tools):
        notice = replace(a_notice(links=links), facts=FACTS, question=asked)
        assert await channel.send(notice, tools) is None
    assert service.lines[0] == "🔴 [firing] shop is down"
    is_golden("teams", service.cards[0])


@pytest.mark.parametrize(
    ("event", "severity", "colour"),
    [
        ("opened", "critical", "attention"),
        ("opened", "warning", "warning"),
        ("opened", "info", "good"),
        ("healed", "critical", "good"),
    ],
)
async def test_the_colour_says_how_bad_it_is(event: str, severity: str, colour: str) -> None:
    async with connected() as (service, channel, tools):
        await channel.send(a_notice(event=event, severity=severity), tools)
    assert service.cards[0]["body"][0]["inlines"][0]["color"] == colour


async def test_markup_in_an_alert_is_text() -> None:
    async with connected() as (service, channel, tools):
        await channel.send(a_notice(title=MARKUP, text=MARKUP), tools)
    assert "**[a](https://evil.example)** <at>everyone</at>" in service.lines[0]
    assert service.cards[0]["actions"] == []


async def test_a_megabyte_of_text_still_fits() -> None:
    huge = "😀\n" * 500_000
    async with connected() as (service, channel, tools):
        notice = replace(
            a_notice(title=huge, text=huge), facts={huge[:50] + str(n): huge for n in range(30)}
        )
        await channel.send(notice, tools)
    assert len(service.cards) == 1


@settings(max_examples=60)
@given(words=st.text(max_size=60), times=st.sampled_from([1, 2000]))
def test_any_words_make_a_card_that_is_small_enough(words: str, times: int) -> None:
    long = words * times
    notice = replace(a_notice(title=long, text=long), facts={long: long})
    body = _small(notice, words or None)
    assert len(body) <= MOST
    for block in json.loads(body)["attachments"][0]["content"]["body"]:
        _check_block(block)


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (401, True), (404, True), (429, False), (502, False)]
)
async def test_a_refusal_is_for_good_or_for_now(status: int, permanent: bool) -> None:
    async with connected() as (service, channel, tools):
        service.refusals.append(web.Response(status=status, headers={"Retry-After": "7"}))
        with pytest.raises(ChannelError) as caught:
            await channel.send(a_notice(), tools)
    assert (caught.value.permanent, caught.value.retry_after) == (
        permanent,
        None if permanent else 7.0,
    )


async def test_the_address_of_the_workflow_is_told_nowhere() -> None:
    async with connected() as (service, _, tools):
        wrong = service.url.replace("c4nary5b2e", "wr0ngs1g")
        channel = Teams(webhook_url=SecretStr(wrong))
        with pytest.raises(ChannelError, match="401") as caught:
            await channel.send(a_notice(), tools)
    assert caught.value.permanent
    assert "wr0ngs1g" not in f"{caught.value!r} {channel!r}"


async def test_another_host_gets_the_whole_path_and_signature() -> None:
    async with connected() as (service, _, tools):
        base = service.url.partition(PATH)[0]
        there = SecretStr(f"https://prod-1.westeurope.logic.azure.com{PATH}?{QUERY}")
        await Teams(webhook_url=there, api_url=base).send(a_notice(), tools)
    assert len(service.cards) == 1
