from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from prunella.service.clock import SystemClock
from receiver.journal import Journal
from receiver.journal.postgres import open_journal
from tests.proof.machine import Machine
from tests.receiver.journal.places import PostgresPlace
from tests.servers.postgres import postgres_server

LONG = "PRUNELLA_CHAOS" in os.environ
SETTINGS = settings(
    max_examples=500 if LONG else 15,
    stateful_step_count=60 if LONG else 30,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    # shrinking takes minutes
    phases=tuple(Phase) if LONG else (Phase.explicit, Phase.reuse, Phase.generate),
)
# every step takes several times as long there
FEWER = settings(SETTINGS, max_examples=100 if LONG else 4, stateful_step_count=60 if LONG else 20)


class OnPostgres(Machine):
    """The same on a database that is emptied for each story, with time as the world has it."""

    place: ClassVar[PostgresPlace]

    async def empties(self) -> None:
        await self.place.empty(hand_clock=True)

    async def opens(self) -> Journal:
        return await open_journal(self.place.url, SystemClock())


@pytest.fixture
def place() -> Iterator[PostgresPlace]:
    with postgres_server() as server:
        made = PostgresPlace(server, server.database())
        asyncio.run(_opened_once(made))
        yield made


async def _opened_once(place: PostgresPlace) -> None:
    async with place.opened():
        pass


@pytest.mark.timeout(3600 if LONG else 120)
def test_whatever_happens_in_whatever_order_the_invariants_hold() -> None:
    run_state_machine_as_test(Machine, settings=SETTINGS)


@pytest.mark.server
@pytest.mark.timeout(3600 if LONG else 120)
def test_whatever_happens_in_whatever_order_they_hold_on_postgresql(place: PostgresPlace) -> None:
    OnPostgres.place = place
    run_state_machine_as_test(OnPostgres, settings=FEWER)
