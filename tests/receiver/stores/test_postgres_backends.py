from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from receiver.journal import Fenced
from receiver.stores import postgres_backends
from receiver.stores.base import StoreError
from receiver.stores.postgres_backends import (
    QUERYING,
    Ended,
    State,
    Wanted,
    end_sessions,
    stop_queries,
)
from receiver.stores.postgres_session import connected
from receiver.tools import CalledOff
from tests.receiver.stores.postgres_world import DEAF, PASSWORD, HurriedClock, World, real_tools
from tests.servers.postgres import binary
from tests.servers.process import start, until

pytestmark = pytest.mark.server
# an index with slow() in it takes for ever to build again, and a vacuum sleeps after every page
SLOW_TABLE = """
    SET ROLE app; CREATE TABLE t (a int) WITH (fillfactor = 10); INSERT INTO t SELECT generate_series(1, 2000);
    CREATE FUNCTION slow(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN a; END';
    CREATE INDEX i ON t (a); CREATE INDEX j ON t (slow(a)); DELETE FROM t WHERE a % 2 = 0;
    CREATE OR REPLACE FUNCTION slow(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql
      AS 'BEGIN PERFORM pg_sleep(10); RETURN a; END';
    RESET ROLE; ALTER ROLE app SET vacuum_cost_delay = 100; ALTER ROLE app SET vacuum_cost_limit = 1
"""
PARALLEL = """
    CREATE TABLE t WITH (parallel_workers = 2) AS SELECT generate_series(1, 10000) AS a; GRANT SELECT ON t TO app;
    ALTER ROLE app SET parallel_setup_cost = 0; ALTER ROLE app SET parallel_tuple_cost = 0;
    ALTER ROLE app SET parallel_leader_participation = off; ALTER ROLE app SET max_parallel_workers_per_gather = 2
"""
AT_WORK = f"SELECT p.pid FROM ({postgres_backends._MAINTENANCE}) AS p"
IN_TRANSACTION: tuple[State, ...] = ("idle in transaction",)


def wanted(*states: State, users: tuple[str, ...] = ("app",), older_than: float = 1.0) -> Wanted:
    return Wanted(users, states or IN_TRANSACTION, older_than)


async def end(
    world: World, which: Wanted | None = None, role: str = "healer", **keys: object
) -> Ended:
    async with connected(world.facet(role, **keys), real_tools()) as session:
        return await end_sessions(session, which or wanted())


async def stop(world: World, which: Wanted, *, terminate: bool = False) -> Ended:
    async with connected(world.facet(), real_tools(clock=HurriedClock())) as session:
        return await stop_queries(session, which, terminate=terminate)


async def test_of_hundreds_only_those_in_the_state_end(world: World) -> None:
    idle = await asyncio.gather(*(world.idle() for _ in range(120)))
    stuck = await asyncio.gather(*(world.in_transaction() for _ in range(120)))
    aborted = await asyncio.gather(*(world.aborted() for _ in range(20)))
    active = await asyncio.gather(*(world.active() for _ in range(20)))
    await world.aged()
    ended = await end(world)
    assert (ended.sessions, ended.found, ended.terminated, ended.left) == (280, 120, 120, 0)
    assert not any(await world.alive(*stuck))
    assert all(await world.alive(*idle, *aborted, *active))


@pytest.mark.parametrize(
    "state", ["idle", "idle in transaction", "idle in transaction (aborted)", "active"]
)
async def test_each_state_ends_when_it_is_asked_for(world: World, state: State) -> None:
    them = {
        "idle": await world.idle(),
        "idle in transaction": await world.in_transaction(),
        "idle in transaction (aborted)": await world.aborted(),
        "active": await world.active(),
    }
    await world.aged()
    assert (await end(world, wanted(state))).terminated == 1
    assert await world.alive(*them.values()) == [name != state for name in them]


async def test_bystanders_live_even_for_a_superuser(world: World) -> None:
    """All are in the state and old enough; `users` names them all."""
    spared = [
        await world.in_transaction("boss"),
        await world.in_transaction("copier"),
        await world.in_transaction("app", "pg_dump"),
        await world.in_transaction("app", "prunella-receiver"),
        await world.in_transaction("mighty", "prunella"),
        await world.in_transaction("other"),
    ]
    stuck = await world.in_transaction("app")
    await world.aged()
    everybody = wanted(users=("app", "boss", "copier", "mighty"))
    ended = await end(world, everybody, role="mighty")
    assert ended.terminated == 1
    assert not any(await world.alive(stuck))
    assert all(await world.alive(*spared))
    assert ended.beside == "; boss, copier, mighty was left alone (superuser or replication)"


async def test_a_walsender_and_its_slot_live(world: World, tmp_path: Path) -> None:
    world.sql("SELECT pg_create_logical_replication_slot('s', 'test_decoding')")
    argv = [
        *(str(binary("pg_recvlogical")), "--start", "--slot", "s", "-f", str(tmp_path / "out")),
        *("-h", str(world.server.folder), "-p", str(world.server.port)),
        *("-U", "copier", "-d", world.database),
    ]
    streaming = "SELECT active FROM pg_replication_slots WHERE slot_name = 's'"
    receiver = start("pg_recvlogical", argv, tmp_path)
    try:
        await until(lambda: world.sql(streaming) == "t", "it streams", process=receiver)
        which = wanted(*QUERYING, "idle", users=("copier", "app"), older_than=0)
        assert (await end(world, which, role="mighty")).terminated == 0
        assert world.sql(streaming) == "t"
    finally:
        await receiver.stop()
        world.sql("SELECT pg_drop_replication_slot('s')")


async def test_who_holds_a_replication_slot_lives(world: World) -> None:
    """By a function that an administrator has lent the application."""
    world.sql("""
        CREATE FUNCTION hold() RETURNS name LANGUAGE sql SECURITY DEFINER
          AS $$ SELECT slot_name FROM pg_create_physical_replication_slot('held', true, true) $$
    """)
    holder, other = await world.idle(), await world.idle()
    await holder.execute("SELECT hold()")
    assert (await end(world, wanted("idle", older_than=0))).terminated == 1
    assert await world.alive(holder, other) == [True, False]


async def test_it_does_not_end_itself_whatever_it_is_called(world: World) -> None:
    async with connected(world.facet(), real_tools()) as session:
        await session.db.execute("SET application_name = 'web'")
        ended = await end_sessions(session, wanted("active", users=("healer",), older_than=0))
    assert (ended.sessions, ended.found) == (1, 0)


async def test_another_database_is_left_alone_unless_it_is_named(world: World) -> None:
    elsewhere = await world.idle(database="postgres")
    assert (await end(world, wanted("idle", older_than=0))).terminated == 0
    assert await world.alive(elsewhere) == [True]
    named = ("postgres", world.database)
    assert (await end(world, wanted("idle", older_than=0), databases=named)).terminated == 1
    assert await world.alive(elsewhere) == [False]


async def test_a_prepared_transaction_stays(world: World) -> None:
    db = await world.in_transaction()
    await db.execute("CREATE TABLE t (a int)")
    await db.execute("PREPARE TRANSACTION 'two-phase'")
    assert (await end(world, wanted("idle", older_than=0))).terminated == 1
    assert world.sql("SELECT gid FROM pg_prepared_xacts") == "two-phase"
    world.sql("ROLLBACK PREPARED 'two-phase'")


async def test_who_has_just_ended_a_statement_of_an_old_transaction_is_at_work(
    world: World,
) -> None:
    busy = await world.in_transaction()
    await world.aged()
    await busy.execute("SELECT 2")
    assert (await end(world)).found == 0
    assert await world.alive(busy) == [True]


@pytest.mark.parametrize("change", ["pid", "state", "query"])
async def test_who_is_not_the_same_any_more_is_not_signalled(world: World, change: str) -> None:
    """Between the look and the signal a pid came to somebody else, or the session went on."""
    db = await world.active()
    async with connected(world.facet(), real_tools()) as session:
        hunt = await postgres_backends._begin(session, wanted(*QUERYING, older_than=0))
        (seen,) = await hunt.find()
        if change == "pid":
            found = replace(seen, start=seen.start - timedelta(microseconds=1))
        elif change == "query":
            found = replace(seen, query=seen.start)
        else:
            found = seen
            await world.cancel(db)
        sql = (
            postgres_backends._CANCEL_QUERY if change == "query" else postgres_backends._END_SESSION
        )
        assert await hunt.signal(sql, [found]) == []
    assert await world.alive(db) == [True]


async def test_called_off_before_the_signal_it_ends_nobody_and_says_so(world: World) -> None:
    def enough() -> None:
        raise CalledOff

    db = await world.idle()
    async with connected(world.facet(), real_tools(enough)) as session:
        ended = await end_sessions(session, wanted("idle", older_than=0))
    assert (ended.found, ended.terminated, ended.left) == (1, 0, 0)
    assert await world.alive(db) == [True]


async def test_a_lease_that_is_over_stops_it_before_the_signal(world: World) -> None:
    def gone() -> None:
        raise Fenced("the lease ran out")

    db = await world.idle()
    async with connected(world.facet(), real_tools(gone)) as session:
        with pytest.raises(Fenced):
            await end_sessions(session, wanted("idle", older_than=0))
    assert await world.alive(db) == [True]


@pytest.mark.parametrize(
    ("role", "users", "said"),
    [
        (
            "weak",
            ("app",),
            "no right to end the sessions of app: GRANT pg_read_all_stats, pg_signal",
        ),
        ("healer", ("app", "nobody"), "there is no role nobody: correct postgres.users"),
        ("mighty", ("boss", "copier"), "sessions of superusers and of replication are never ended"),
    ],
)
async def test_what_it_may_not_do_is_said_before_it_begins(
    world: World, role: str, users: tuple[str, ...], said: str
) -> None:
    db = await world.idle()
    with pytest.raises(StoreError, match=said) as caught:
        await end(world, wanted("idle", users=users, older_than=0), role=role)
    assert not caught.value.started
    assert await world.alive(db) == [True]


async def test_an_application_may_end_its_own_without_a_grant(world: World) -> None:
    world.server.sql(f"ALTER ROLE app PASSWORD '{PASSWORD}'")
    db = await world.idle()
    assert (await end(world, wanted("idle", older_than=0), role="app")).terminated == 1
    assert await world.alive(db) == [False]


async def test_sessions_that_hide_their_state_are_counted_and_left(world: World) -> None:
    hidden = await world.idle("hidden")
    ended = await end(world, wanted("idle", users=("hidden",), older_than=0))
    assert (ended.sessions, ended.found) == (1, 0)
    assert ended.beside == "; 1 sessions hide their state (track_activities is off)"
    assert await world.alive(hidden) == [True]


async def test_a_long_query_is_cancelled_and_its_session_goes_on(world: World) -> None:
    long, transaction = await world.active(), await world.in_transaction()
    await world.aged()
    short = await world.active()
    stopped = await stop(world, wanted(*QUERYING))
    assert (stopped.found, stopped.cancelled, stopped.terminated, stopped.left) == (1, 1, 0, 0)
    assert await world.states(long, transaction, short) == ["idle", "idle in transaction", "active"]


async def test_a_query_that_does_not_listen_costs_its_session_only_where_that_is_asked(
    world: World,
) -> None:
    deaf = await world.active(sql=DEAF)
    which = wanted(*QUERYING, older_than=0)
    stopped = await stop(world, which)
    assert (stopped.cancelled, stopped.terminated, stopped.left) == (0, 0, 1)
    assert await world.alive(deaf) == [True]
    stopped = await stop(world, which, terminate=True)
    assert (stopped.cancelled, stopped.terminated, stopped.left) == (0, 1, 0)
    assert await world.alive(deaf) == [False]


@pytest.mark.parametrize("work", ["REINDEX TABLE t", "VACUUM t", "ANALYZE t", "CLUSTER t USING i"])
async def test_maintenance_is_no_long_query(world: World, work: str) -> None:
    world.sql(SLOW_TABLE)
    busy = await world.active(sql=work)
    pid = str(busy.get_server_pid())
    await until(lambda: pid in world.sql(AT_WORK).split(), "it is at work")
    assert (await stop(world, wanted(*QUERYING, older_than=0))).found == 0
    assert await world.states(busy) == ["active"]


async def test_the_workers_of_a_query_are_not_signalled_beside_it(world: World) -> None:
    """They run in the application's name, as processes of their own."""
    world.sql(PARALLEL)
    leader = await world.active(sql="SELECT count(pg_sleep(600)) FROM t")
    workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND usename = 'app'"
    await until(lambda: world.sql(workers) == "2", "they are at work")
    stopped = await stop(world, wanted(*QUERYING, older_than=0))
    assert (stopped.found, stopped.cancelled) == (1, 1)
    assert await world.states(leader) == ["idle"]


async def test_a_dump_is_no_long_query(world: World) -> None:
    dump = await world.active(program="pg_dump")
    assert (await stop(world, wanted(*QUERYING, older_than=0))).found == 0
    assert await world.states(dump) == ["active"]
