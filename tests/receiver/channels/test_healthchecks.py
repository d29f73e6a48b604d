from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError

from receiver.channels.base import ChannelError, Notice
from receiver.channels.healthchecks import Healthchecks
from receiver.outside.http import open_http
from receiver.tools import Tools
from tests.receiver.channels.notices import a_notice
from tests.receiver.stand_ins import StandInPrograms, SteppedClock
from tests.servers.healthchecks import HealthchecksStandIn, healthchecks_stand_in


@asynccontextmanager
async def connected(
    **options: Any,
) -> AsyncIterator[tuple[HealthchecksStandIn, Healthchecks, Tools]]:
    async with healthchecks_stand_in() as service, open_http() as http:
        channel = Healthchecks(ping_url=SecretStr(service.url), **options)
        yield service, channel, Tools(SteppedClock(), http, StandInPrograms())


async def told(*notices: Notice, **options: Any) -> HealthchecksStandIn:
    async with connected(**options) as (service, channel, tools):
        for notice in notices:
            await channel.send(notice, tools)
    return service


RESOLVED = replace(a_notice(event="resolved"), ended=True)


async def test_the_check_is_down_from_the_first_notice_to_the_end() -> None:
    assert (await told(a_notice())).state == "down"
    service = await told(a_notice(), a_notice(event="healed"))
    assert service.state == "down"
    assert (await told(a_notice(), RESOLVED)).state == "up"


async def test_what_happened_can_be_read_in_its_log() -> None:
    service = await told(a_notice(event="acted", title="restarted", text="took 3 s"))
    assert service.pings == [
        ("/log", "restarted\n\ntook 3 s\n\ncritical · acted · restart · incident 12")
    ]


async def test_with_a_heartbeat_incidents_do_not_change_it() -> None:
    service = await told(a_notice(), a_notice(event="escalated"), RESOLVED, heartbeat="1m")
    assert [word for word, _ in service.pings] == ["/log"] * 3
    assert service.state == "new"


async def test_a_test_changes_nothing() -> None:
    assert (await told(a_notice(event="test"))).state == "new"


async def test_a_megabyte_of_text_is_cut() -> None:
    service = await told(a_notice(text="é" * 1_000_000))
    assert len(service.pings[0][1].encode()) < 10_000


async def test_a_check_that_does_not_exist_is_found_out() -> None:
    async with connected() as (service, _, tools):
        channel = Healthchecks(ping_url=SecretStr(service.url.replace("c4nary00", "deadbeef")))
        with pytest.raises(ChannelError, match="no such check") as caught:
            await channel.send(a_notice(), tools)
    assert caught.value.permanent
    assert "deadbeef" not in repr(caught.value)


async def test_the_rest_of_the_address_is_kept() -> None:
    async with connected() as (service, _, tools):
        channel = Healthchecks(ping_url=SecretStr(f"{service.url}?rid=1"))
        await channel.send(a_notice(), tools)
    assert service.pings[0][0] == "/fail"


@pytest.mark.parametrize(
    ("answer", "permanent", "wait"),
    [
        ((200, "OK (rate limited)"), False, 60.0),
        ((404, "not found"), True, None),
        ((503, ""), False, None),
    ],
)
async def test_a_refusal_is_for_good_or_for_now(
    answer: tuple[int, str], permanent: bool, wait: float | None
) -> None:
    async with connected() as (service, channel, tools):
        service.refusals.append(web.Response(status=answer[0], text=answer[1]))
        with pytest.raises(ChannelError) as caught:
            await channel.send(a_notice(), tools)
    assert (caught.value.permanent, caught.value.retry_after) == (permanent, wait)


def test_more_pings_than_are_taken_are_refused() -> None:
    with pytest.raises(ValidationError, match="15s"):
        Healthchecks.model_validate({"ping_url": "https://hc-ping.com/x", "heartbeat": "5s"})
