from __future__ import annotations

import socket

import pytest

from receiver.checks import parse_check
from receiver.checks.base import Scene
from receiver.checks.postgres import PostgresAnswers
from receiver.decide.verdict import Outcome
from receiver.targets import Target
from tests.receiver.actions.postgres_targets import AWAY, a_database
from tests.receiver.stores.conftest import roomy, shared, world
from tests.receiver.stores.postgres_world import PASSWORD, World, real_tools

__all__ = ["roomy", "shared", "world"]


async def look(target: Target, timeout: str = "20s") -> tuple[Outcome, str]:
    sample = await PostgresAnswers.model_validate({"timeout": timeout}).sample(
        Scene(target, ()), real_tools()
    )
    assert PASSWORD not in sample.detail
    return sample.outcome, sample.detail


def test_it_is_asked_for_by_one_word() -> None:
    assert parse_check({"postgres": "ping"}) == PostgresAnswers()
    assert PostgresAnswers().needs() == "postgres"
    with pytest.raises(ValueError, match="ping"):
        parse_check({"postgres": "SELECT 1"})


async def test_nobody_at_the_address_is_a_failure() -> None:
    outcome, detail = await look(a_database(AWAY))
    assert outcome is Outcome.FAIL
    assert "cannot be reached" in detail


async def test_silence_is_no_data() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        outcome, detail = await look(a_database(f"postgresql://127.0.0.1:{port}/d"), "400ms")
    assert outcome is Outcome.NO_DATA
    assert "does not answer" in detail


async def test_a_target_without_a_database_is_no_data() -> None:
    assert await look(Target(name="api")) == (*(Outcome.NO_DATA, "api has no postgres to look at"),)


@pytest.mark.server
async def test_an_answer_is_a_pass_whatever_the_role_may_do(world: World) -> None:
    assert (await look(a_database(world.url("weak"))))[0] is Outcome.PASS


@pytest.mark.server
async def test_a_server_that_hangs_is_no_data(world: World) -> None:
    world.server.hang()
    try:
        assert (await look(a_database(world.url()), "400ms"))[0] is Outcome.NO_DATA
    finally:
        world.server.wake()


@pytest.mark.server
async def test_a_server_that_does_not_let_us_ask_is_no_data(world: World) -> None:
    outcome, detail = await look(a_database(world.url(password="wrong-c4nary")))
    assert outcome is Outcome.NO_DATA
    assert "c4nary" not in detail


@pytest.mark.server
async def test_a_server_without_room_is_a_failure(world: World) -> None:
    world.server.sql("ALTER ROLE weak CONNECTION LIMIT 0")
    try:
        target = a_database(world.url("weak"), connect_timeout="100ms")
        assert (await look(target))[0] is Outcome.FAIL
    finally:
        world.server.sql("ALTER ROLE weak CONNECTION LIMIT -1")
