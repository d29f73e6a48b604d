from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from receiver.channels.base import ChannelError
from receiver.channels.sentry import Sentry, _envelope, _event
from receiver.outside.http import open_http
from receiver.tools import OutsideError, Response, Tools
from tests.receiver.channels.golden import is_golden
from tests.receiver.channels.notices import a_notice
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox
from tests.servers.sentry import KEY, SentryStandIn, sentry_stand_in

FACTS = {"Tried": "restart of shop, 12 s ago", "Next": "rollback, at 03:12 UTC"}


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[SentryStandIn, Sentry, Tools]]:
    async with sentry_stand_in() as service, open_http() as http:
        channel = Sentry(dsn=SecretStr(service.dsn), environment="prod")
        yield service, channel, Tools(SteppedClock(), http, StandInPrograms())


async def test_all_of_an_incident_is_one_issue() -> None:
    async with connected() as (service, channel, tools):
        thread = await channel.send(a_notice(), tools)
        assert thread is not None
        then = replace(a_notice(event="healed"), dedup_key="prunella-j-12-healed", thread=thread)
        await channel.send(then, tools)
    assert (len(service.events), len(service.issues)) == (2, 1)


async def test_what_is_sent_twice_is_stored_once() -> None:
    async with connected() as (service, channel, tools):
        for _ in range(2):
            await channel.send(a_notice(), tools)
    assert len(service.events) == 1


async def test_what_is_sent_is_what_somebody_should_read() -> None:
    async with connected() as (service, channel, tools):
        await channel.send(replace(a_notice(), facts=FACTS), tools)
    is_golden("sentry", next(iter(service.events.values())))


@settings(max_examples=60)
@given(words=st.text(max_size=40), times=st.sampled_from([1, 30_000]))
def test_no_words_make_an_event_that_is_refused(words: str, times: int) -> None:
    long = words * times
    labels = {long: long, "service": long}
    notice = replace(a_notice(title=long, text=long), labels=labels, facts={long: long})
    service = SentryStandIn()
    service._store(_envelope(_event(notice, "k", words)))
    assert len(service.events) == 1


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (401, True), (413, True), (429, True), (503, False)]
)
async def test_what_sentry_has_no_room_for_is_not_sent_later(status: int, permanent: bool) -> None:
    async with connected() as (service, channel, tools):
        service.refusals.append(web.Response(status=status, headers={"Retry-After": "60"}))
        with pytest.raises(ChannelError) as caught:
            await channel.send(a_notice(), tools)
    assert caught.value.permanent is permanent


async def test_the_key_is_told_nowhere() -> None:
    async with connected() as (service, _, tools):
        channel = Sentry(dsn=SecretStr(service.dsn.replace(KEY, "wr0ngkey")))
        with pytest.raises(ChannelError, match="401") as caught:
            await channel.send(a_notice(), tools)
    assert "wr0ngkey" not in f"{caught.value!r} {channel!r}"


async def test_the_address_is_made_of_the_dsn() -> None:
    http = StandInHttp(Response(200, b"{}"))
    dsn = SecretStr("https://k3y@sentry.example.org/on/premise/7")
    await Sentry(dsn=dsn).send(a_notice(), a_toolbox(http=http))
    assert http.asked[0].url == "https://sentry.example.org/on/premise/api/7/envelope/"
    assert "k3y" not in http.asked[0].url


async def test_a_lost_connection_is_tried_again() -> None:
    http = StandInHttp(OutsideError("gone"))
    with pytest.raises(ChannelError) as caught:
        await Sentry(dsn=SecretStr("https://k@h/1")).send(a_notice(), a_toolbox(http=http))
    assert (caught.value.permanent, caught.value.unknown) == (False, True)


@pytest.mark.parametrize("dsn", ["https://sentry.io/1", "https://k@h/", "ftp://k@h/1", "k@h/1"])
def test_what_is_no_dsn_is_refused(dsn: str) -> None:
    with pytest.raises(ValidationError, match="must be"):
        Sentry(dsn=SecretStr(dsn))


# in a process of its own: it hooks itself into the interpreter
OFFICIAL = """
import sys, sentry_sdk
sentry_sdk.init(dsn=sys.argv[1], default_integrations=False, auto_session_tracking=False)
sentry_sdk.capture_message("shop is down", level="error")
sentry_sdk.flush(10)
"""


async def test_the_stand_in_takes_what_the_official_client_sends() -> None:
    async with connected() as (service, _, _):
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", OFFICIAL, service.dsn
        )
        assert await client.wait() == 0
    assert [event["message"] for event in service.events.values()] == ["shop is down"]
