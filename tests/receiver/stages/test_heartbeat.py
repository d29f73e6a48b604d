"""A watcher outside hears that we are here, and hears it only while it is true."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp import web

from receiver.journal import JournalUnavailable
from receiver.outside.http import open_http
from receiver.stages.context import Context
from receiver.stages.heartbeat import Heartbeat
from tests.receiver.rig import Rig, rig
from tests.servers.healthchecks import HealthchecksStandIn, healthchecks_stand_in


@asynccontextmanager
async def watched(**options: Any) -> AsyncIterator[tuple[Rig, Context, HealthchecksStandIn]]:
    async with healthchecks_stand_in() as service, open_http() as http:
        channel = {"kind": "healthchecks", "ping_url": service.url, "heartbeat": "1m", **options}
        async with rig(channels={"outside": channel}) as inside:
            context = inside.context
            yield inside, replace(context, tools=replace(context.tools, http=http)), service


async def test_it_pings_every_minute_and_not_oftener() -> None:
    async with watched() as (inside, context, service):
        heart = Heartbeat(context)
        for _ in range(121):
            await heart.once()
            inside.clock.at += 1.0
    assert [word for word, _ in service.pings] == ["", "", ""]


async def test_without_the_watchdog_it_says_so() -> None:
    async with watched() as (inside, context, service):
        heart = Heartbeat(context)
        context.heard_watchdog.at = context.now()
        inside.clock.at += 299.0
        await heart.once()
        assert service.state == "up"
        inside.clock.at += 61.0
        await heart.once()
    assert service.state == "down"
    assert "360 s" in service.pings[-1][1]


async def test_a_watchdog_that_is_heard_again_is_well() -> None:
    async with watched() as (inside, context, service):
        heart = Heartbeat(context)
        inside.clock.at += 400.0
        await heart.once()
        assert service.state == "down"
        context.heard_watchdog.at = context.now()
        inside.clock.at += 60.0
        await heart.once()
    assert service.state == "up"


async def test_where_nobody_sends_a_watchdog_the_life_of_the_receiver_counts() -> None:
    async with watched(watchdog=None) as (inside, context, service):
        heart = Heartbeat(context)
        inside.clock.at += 4000.0
        await heart.once()
    assert service.state == "up"


async def test_a_receiver_that_cannot_write_is_not_well() -> None:
    async with watched() as (_, context, service):
        context.health.failed(JournalUnavailable("disk full"))
        await Heartbeat(context).once()
    assert (service.state, "disk full" in service.pings[0][1]) == ("down", True)


async def test_a_ping_that_is_not_taken_stops_nothing() -> None:
    async with watched() as (inside, context, service):
        service.refusals.append(web.Response(status=503))
        heart = Heartbeat(context)
        await heart.once()
        inside.clock.at += 60.0
        await heart.once()
    assert service.state == "up"
