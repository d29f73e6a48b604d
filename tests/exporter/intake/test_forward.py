from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from exporter.intake.forward import MOST, Forwarder, Letter
from exporter.intake.settings import dsn_of
from tests.prunella.service.front_door import until
from tests.prunella.service.stand_ins import FakeClock
from tests.servers.sentry import SentryStandIn, sentry_stand_in

EVENT = b'{"event_id":"%s"}\n{"type":"event"}\n{"event_id":"%s","level":"error"}\n'


def event(number: int) -> bytes:
    name = f"{number:032x}".encode()
    return EVENT % (name, name)


@asynccontextmanager
async def forwarding(clock: FakeClock) -> AsyncIterator[Forwarder]:
    forwarder = Forwarder(clock)
    task = asyncio.create_task(forwarder.run())
    yield forwarder
    task.cancel()
    await asyncio.wait({task})


@pytest.fixture
async def sentry() -> AsyncIterator[SentryStandIn]:
    async with sentry_stand_in() as stand_in:
        yield stand_in


def letter(sentry: SentryStandIn, number: int = 1) -> Letter:
    return Letter("shop", dsn_of(sentry.dsn), event(number))


async def test_every_envelope_arrives(sentry: SentryStandIn) -> None:
    async with forwarding(FakeClock()) as forwarder:
        for number in range(50):
            forwarder.take(letter(sentry, number))
        await until(lambda: forwarder.results["shop", "sent"] == 50)
    assert (len(sentry.events), forwarder.waiting) == (50, 0)


async def test_a_sentry_that_has_no_room_is_asked_again_when_it_said(sentry: SentryStandIn) -> None:
    sentry.refusals = [
        web.Response(status=429, headers={"Retry-After": "60"}),
        web.Response(status=503),
    ]
    clock = FakeClock()
    async with forwarding(clock) as forwarder:
        forwarder.take(letter(sentry))
        await until(lambda: forwarder.results["shop", "sent"] == 1)
    assert clock.slept == [60.0, 2.0]


async def test_what_sentry_refuses_is_not_sent_again(sentry: SentryStandIn) -> None:
    sentry.refusals = [web.Response(status=400)]
    async with forwarding(FakeClock()) as forwarder:
        forwarder.take(letter(sentry, 1))
        forwarder.take(letter(sentry, 2))
        await until(lambda: forwarder.results["shop", "sent"] == 1)
    assert forwarder.results["shop", "refused"] == 1


async def test_a_sentry_that_is_away_costs_what_waits_and_no_more() -> None:
    async with forwarding(FakeClock()) as forwarder:
        forwarder.take(Letter("shop", dsn_of("http://k@127.0.0.1:9/1"), event(1)))
        await until(lambda: forwarder.results["shop", "dropped"] == 1)
    assert forwarder.waiting == 0


async def test_what_waits_is_bounded_in_bytes() -> None:
    forwarder = Forwarder(FakeClock())
    for _ in range(100):
        forwarder.take(Letter("shop", dsn_of("http://k@h/1"), b"x" * 1_000_000))
    assert forwarder.waiting == MOST // 1_000_000
    assert forwarder.results["shop", "dropped"] == 100 - forwarder.waiting
