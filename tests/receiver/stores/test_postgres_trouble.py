from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prunella.service.settings import Secret
from receiver.stores.base import StoreError
from receiver.stores.postgres_backends import Wanted, end_sessions
from receiver.stores.postgres_rows import Heal, heal_sessions
from receiver.stores.postgres_session import PostgresUnseen, connected, ping
from receiver.stores.postgres_store import PostgresFacet
from tests.receiver.stores.postgres_world import PASSWORD, World, real_tools
from tests.servers.ports import free_port
from tests.servers.process import start, until

pytestmark = pytest.mark.server
SESSIONS = {"table": "sessions", "expires": "expires_at"}
HASTY: dict[str, Any] = {"statement_timeout": "2s", "sessions": SESSIONS}


def a_table(world: World, stale: int) -> None:
    world.sql(f"""
        CREATE TABLE sessions (id serial, expires_at timestamptz); CREATE INDEX ON sessions (expires_at);
        INSERT INTO sessions (expires_at) SELECT now() - interval '1 day' FROM generate_series(1, {stale});
        INSERT INTO sessions (expires_at) SELECT now() + interval '1 day' FROM generate_series(1, 10);
        GRANT SELECT, UPDATE, DELETE ON sessions TO healer
    """)


def left(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM sessions"))


async def refusal(facet: PostgresFacet) -> StoreError:
    with pytest.raises(StoreError) as caught:
        async with connected(facet, real_tools()):
            pass
    assert not caught.value.started
    assert PASSWORD not in str(caught.value)
    return caught.value


async def test_nobody_at_the_address_is_said_with_the_address() -> None:
    port = free_port()
    facet = PostgresFacet(url=Secret(f"postgresql://u:c4nary@127.0.0.1:{port}/d"))
    said = await refusal(facet)
    assert str(said).startswith(f"postgresql://127.0.0.1:{port}/d: cannot be reached")
    assert "c4nary" not in str(said)


@pytest.mark.parametrize(
    ("role", "password", "said"),
    [
        ("healer", "c4nary-wrong", "refuses the login (password authentication failed for user"),
        ("nobody", PASSWORD, "refuses the login (password authentication failed for user"),
    ],
)
async def test_a_wrong_login_is_told_and_its_password_is_not(
    world: World, role: str, password: str, said: str
) -> None:
    error = await refusal(PostgresFacet(url=Secret(world.url(role, password))))
    assert said in str(error)
    assert "c4nary" not in str(error)
    assert isinstance(error, PostgresUnseen)


async def test_a_wrong_database_is_told(world: World) -> None:
    error = await refusal(PostgresFacet(url=Secret(f"{world.url()}x")))
    assert f'database "{world.database}x" does not exist' in str(error)


async def test_a_full_server_is_waited_for_and_then_told(world: World) -> None:
    world.server.sql("ALTER ROLE healer CONNECTION LIMIT 0")
    error = await refusal(world.facet(connect_timeout="300ms"))
    assert "has no connection left for the receiver" in str(error)
    assert "ALTER ROLE … CONNECTION LIMIT" in str(error)
    world.server.sql("ALTER ROLE healer CONNECTION LIMIT -1")


async def test_room_that_comes_in_time_is_taken(world: World) -> None:
    world.server.sql("ALTER ROLE healer CONNECTION LIMIT 0")

    class MakesRoom:
        now = staticmethod(time.time)
        monotonic = staticmethod(time.monotonic)

        async def sleep(self, seconds: float) -> None:
            world.server.sql("ALTER ROLE healer CONNECTION LIMIT -1")

    await ping(world.facet(), real_tools(clock=MakesRoom()), 5.0)


async def test_a_server_that_takes_the_connection_and_is_silent_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        facet = PostgresFacet.model_validate(
            {"url": f"postgresql://127.0.0.1:{port}/d", "connect_timeout": "300ms"}
        )
        began = time.monotonic()
        error = await refusal(facet)
    assert time.monotonic() - began < 10.0
    assert isinstance(error, PostgresUnseen)
    assert "does not answer: it hangs, is overloaded" in str(error)


async def test_a_server_that_hangs_is_given_up(world: World) -> None:
    world.server.hang()
    try:
        began = time.monotonic()
        error = await refusal(world.facet(connect_timeout="500ms"))
        assert time.monotonic() - began < 10.0
    finally:
        world.server.wake()
    assert isinstance(error, PostgresUnseen)


@pytest.mark.parametrize("trouble", ["hang", "kill"])
async def test_trouble_in_the_middle_is_unknown_and_another_run_finishes(
    world: World, trouble: str
) -> None:
    a_table(world, 1000)
    said: list[str] = []
    tools = replace(real_tools(), progress=after(3, said, getattr(world.server, trouble)))
    began = time.monotonic()
    with pytest.raises(StoreError, match="300 rows had been removed before") as caught:
        await heal_sessions(world.facet(**HASTY), Heal(batch=100), tools)
    assert time.monotonic() - began < 20.0
    assert caught.value.unknown
    if trouble == "hang":
        world.server.wake()
    else:
        world.server.begin()
    rest = await heal_sessions(world.facet(sessions=SESSIONS), Heal(batch=100), real_tools())
    assert rest.removed in {600, 700}  # the answer may have been lost, and not the batch
    assert left(world) == 10


async def test_a_server_that_hangs_while_sessions_are_ended_is_unknown(world: World) -> None:
    for _ in range(60):
        await world.idle()
    tools = replace(real_tools(), progress=after(1, [], world.server.hang))
    wanted = Wanted(("app",), ("idle",), 0.0)
    with pytest.raises(StoreError, match="does not answer") as caught:
        async with connected(world.facet(**HASTY), tools) as session:
            await end_sessions(session, wanted)
    world.server.wake()
    assert (caught.value.started, caught.value.unknown) == (True, True)
    async with connected(world.facet(), real_tools()) as session:
        again = await end_sessions(session, wanted)
    assert (again.found, again.left) == (again.terminated, 0)


async def test_a_receiver_killed_in_the_middle_leaves_whole_batches_and_no_lock(
    world: World, tmp_path: Path
) -> None:
    a_table(world, 9_000)
    argv = [sys.executable, "-m", "tests.receiver.stores.heal_apart", world.url()]
    process = start("heal", argv, tmp_path)
    await until(lambda: "400 removed" in process.output(), "it is at work", process=process)
    process.kill()
    holds = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'prunella' AND datname = '{world.database}'"
    await until(lambda: world.sql(holds) == "0", "its session is gone")
    there = left(world) - 10
    assert 0 < there < 9_000
    assert there % 100 == 0
    rest = await heal_sessions(world.facet(sessions=SESSIONS), Heal(), real_tools())
    assert (rest.removed, left(world)) == (there, 10)


async def test_a_session_brings_its_limits_with_every_statement(world: World) -> None:
    """Behind a PgBouncer the next statement may be on another session."""
    async with connected(world.facet(statement_timeout="7s"), real_tools()) as session:
        (row,) = await session.ask(
            "SELECT current_setting('statement_timeout') AS most, current_setting('row_security') AS rows,"
            " current_setting('application_name') AS name, current_setting('transaction_read_only') AS ro"
        )
        assert tuple(row) == ("7s", "off", "prunella", "on")
        assert await session.db.fetchval("SHOW statement_timeout") == "0"


def after(number: int, said: list[str], then: Callable[[], Any]) -> Callable[[str], Any]:
    """What is called with the progress, and does `then` at its so many-th word."""

    async def progress(text: str) -> None:
        said.append(text)
        if len(said) == number:
            then()

    return progress
