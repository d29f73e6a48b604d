from __future__ import annotations

import asyncio
from typing import Any

import pytest

from receiver.journal import Fenced
from receiver.stores.base import StoreError
from receiver.stores.postgres_rows import Heal, Healed, heal_sessions
from receiver.tools import CalledOff
from tests.receiver.stores.postgres_world import HurriedClock, World, real_tools

pytestmark = pytest.mark.server
SESSIONS = {"table": "sessions", "expires": "expires_at"}
GRANT = "GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO healer"


def a_table(world: World, stale: int = 5, fresh: int = 5, kind: str = "timestamptz") -> None:
    """Stale and fresh rows in turn, as they would lie in a real one."""
    world.sql(f"""
        CREATE TABLE sessions (id serial PRIMARY KEY, expires_at {kind});
        INSERT INTO sessions (expires_at) SELECT now() - interval '1 day' FROM generate_series(1, {stale});
        INSERT INTO sessions (expires_at) SELECT now() + interval '1 day' FROM generate_series(1, {fresh});
        CREATE INDEX ON sessions (expires_at); {GRANT}
    """)


def left(world: World, table: str = "sessions") -> int:
    return int(world.sql(f"SELECT count(*) FROM {table}"))


async def heal(
    world: World,
    sessions: dict[str, Any] | None = None,
    limits: dict[str, str] | None = None,
    **options: Any,
) -> Healed:
    facet = world.facet(sessions={**SESSIONS, **(sessions or {})}, **(limits or {}))
    return await heal_sessions(facet, Heal(**options), real_tools())


async def refused(world: World, **limits: str) -> str:
    with pytest.raises(StoreError) as caught:
        await heal(world, limits=limits)
    assert not caught.value.started
    return str(caught.value)


async def test_of_a_hundred_thousand_rows_a_run_takes_what_it_may(world: World) -> None:
    a_table(world, 30_000, 70_000)
    first = await heal(world)
    assert (first.removed, first.found, left(world)) == (10_000, 30_000, 90_000)
    assert first.text == (
        "removed 10,000 of 30,000 stale sessions: max_rows (10,000) is reached, the rest waits for the next run"
    )
    rest = await heal(world, max_rows=100_000, batch=5_000)
    assert (rest.removed, rest.text) == (20_000, "removed 20,000 of 20,000 stale sessions")
    assert int(world.sql("SELECT count(*) FROM sessions WHERE expires_at < now()")) == 0
    assert left(world) == 70_000
    assert (await heal(world)).text == "removed 0 of 0 stale sessions"


async def test_a_dry_run_counts_and_touches_nothing(world: World) -> None:
    a_table(world)
    done = await heal(world, dry_run=True, max_rows=2)
    assert (done.removed, done.found) == (0, 5)
    assert done.text == "dry run; 5 stale sessions would be removed"
    assert left(world) == 10


async def test_what_somebody_holds_is_left_to_him(world: World) -> None:
    a_table(world)
    holder = await world.login("boss")
    await holder.execute("BEGIN; SELECT * FROM sessions WHERE id <= 2 FOR UPDATE")
    done = await heal(world)
    assert (done.removed, left(world)) == (3, 7)
    assert done.text.endswith("the others are locked, kept by a trigger, or went by themselves")
    await holder.execute("ROLLBACK")
    assert (await heal(world)).removed == 2


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "timestamp(0)", "timestamptz(3)"])
async def test_an_expiry_is_a_time(world: World, kind: str) -> None:
    a_table(world, kind=kind)
    assert ((await heal(world)).removed, left(world)) == (5, 5)


@pytest.mark.parametrize(
    ("unit", "kind", "times"), [("s", "bigint", 1), ("s", "integer", 1), ("ms", "numeric", 1000)]
)
async def test_an_expiry_may_be_a_number_with_its_unit(
    world: World, unit: str, kind: str, times: int
) -> None:
    world.sql(f"""
        CREATE TABLE sessions (expires_at {kind}); {GRANT};
        INSERT INTO sessions SELECT (extract(epoch FROM now()) + s) * {times} FROM unnest(ARRAY[-60, 60]) AS s
    """)
    assert "say its `unit`, s or ms" in await refused(world)
    assert ((await heal(world, {"unit": unit})).removed, left(world)) == (1, 1)


async def test_a_day_that_is_not_over_has_not_expired(world: World) -> None:
    world.sql(f"""
        CREATE TABLE sessions (expires_at date); {GRANT};
        INSERT INTO sessions SELECT (now() AT TIME ZONE 'UTC')::date + d FROM unnest(ARRAY[-2, 0, 1]) AS d
    """)
    assert ((await heal(world)).removed, left(world)) == (1, 2)


@pytest.mark.parametrize(
    ("written", "minutes", "ours", "removed"),
    [
        ("Asia/Tokyo", -1, None, 0),
        ("Asia/Tokyo", -1, "UTC", 0),
        ("Asia/Tokyo", -1, "Asia/Tokyo", 1),
        ("America/New_York", 1, None, 0),
        ("America/New_York", 1, "America/New_York", 0),
        ("America/New_York", 1, "UTC", 1),
    ],
)
async def test_a_time_without_zone_is_over_when_it_is_over_everywhere_or_where_it_is_said(
    world: World, written: str, minutes: int, ours: str | None, removed: int
) -> None:
    world.sql(f"""
        ALTER DATABASE {world.database} SET timezone = '{written}';
        CREATE TABLE sessions (expires_at timestamp); {GRANT};
        INSERT INTO sessions SELECT (now() AT TIME ZONE '{written}') + interval '{minutes} minutes'
    """)
    assert (await heal(world, {"time_zone": ours})).removed == removed


async def test_who_has_no_expiry_never_expires(world: World) -> None:
    a_table(world, fresh=0)
    world.sql("INSERT INTO sessions (expires_at) VALUES (NULL), ('infinity')")
    assert ((await heal(world)).removed, left(world)) == (5, 2)


async def test_names_may_be_as_odd_as_sql_allows(world: World) -> None:
    world.sql("""
        CREATE SCHEMA "odd. schema"; CREATE TABLE "odd. schema"."Sess;ion ""s"" {0}" ("expires at" timestamptz);
        INSERT INTO "odd. schema"."Sess;ion ""s"" {0}" VALUES (now() - interval '1 s'), (NULL);
        GRANT USAGE ON SCHEMA "odd. schema" TO healer;
        GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "odd. schema" TO healer
    """)
    odd = {"table": '"odd. schema"."Sess;ion ""s"" {0}"', "expires": '"expires at"'}
    done = await heal(world, odd)
    assert done.removed == 1
    assert done.text.endswith(
        '(no index begins with "expires at": the whole of "odd. schema"."Sess;ion ""s"" {0}" has to be read)'
    )


async def test_parts_of_a_table_are_worked_at_one_by_one(world: World) -> None:
    """In each the first row lies at the same place, and only in one of them it is stale."""
    world.sql(f"""
        CREATE TABLE sessions (id int, expires_at timestamptz) PARTITION BY LIST (id);
        CREATE TABLE s1 PARTITION OF sessions FOR VALUES IN (1);
        CREATE TABLE s2 PARTITION OF sessions FOR VALUES IN (2, 3) PARTITION BY LIST (id);
        CREATE TABLE s3 PARTITION OF s2 FOR VALUES IN (2); CREATE TABLE s4 PARTITION OF s2 FOR VALUES IN (3);
        INSERT INTO sessions VALUES (1, now() + interval '1 day'), (2, now() - interval '1 day'),
          (3, now() + interval '1 day'), (3, now() - interval '1 day'); {GRANT}
    """)
    assert (await heal(world)).removed == 2
    assert world.sql("SELECT id FROM sessions ORDER BY 1").split() == ["1", "3"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE sessions RENAME TO s", "there is no table sessions"),
        ("ALTER TABLE sessions RENAME expires_at TO e", 'sessions has no column "expires_at"'),
        ("ALTER TABLE sessions ALTER expires_at TYPE text", "is text: a timestamp, date or number"),
        ("ALTER TABLE sessions RENAME TO s; CREATE VIEW sessions AS TABLE s", "sessions is a view"),
        (
            "CREATE TABLE carts (s int REFERENCES sessions ON DELETE CASCADE)",
            r"rows of other tables would go or change: carts \(carts_s_fkey\). Say `cascade: true`",
        ),
        ("REVOKE ALL ON sessions FROM healer", "permission denied for table sessions: see what"),
        (
            "ALTER TABLE sessions ENABLE ROW LEVEL SECURITY",
            "affected by row-level security policy",
        ),
    ],
)  # fmt: skip
async def test_what_is_not_as_configured_is_said_before_it_begins(
    world: World, change: str, said: str
) -> None:
    a_table(world)
    world.sql(change)
    with pytest.raises(StoreError, match=said) as caught:
        await heal(world)
    assert not caught.value.started


async def test_rows_of_other_tables_go_along_where_that_is_meant(world: World) -> None:
    a_table(world)
    world.sql("""
        CREATE TABLE carts (s int REFERENCES sessions ON DELETE CASCADE); INSERT INTO carts VALUES (1), (2), (6)
    """)
    assert (await heal(world, {"cascade": True})).removed == 5
    assert left(world, "carts") == 1


async def test_a_foreign_key_that_forbids_it_is_named(world: World) -> None:
    a_table(world)
    world.sql("CREATE TABLE carts (s int REFERENCES sessions); INSERT INTO carts VALUES (4)")
    with pytest.raises(
        StoreError, match="carts_s_fkey of carts forbids it: remove those"
    ) as caught:
        await heal(world, batch=2)
    assert (caught.value.started, caught.value.unknown) == (True, False)
    assert "2 rows had been removed before" in str(caught.value)
    assert left(world) == 8


@pytest.mark.parametrize("batch", [1, 3, 500])
async def test_a_trigger_that_keeps_rows_holds_up_no_other_and_ends(
    world: World, batch: int
) -> None:
    a_table(world)
    a_trigger(world, "BEFORE", "RETURN CASE WHEN old.id = 2 THEN NULL ELSE old END")
    done = await asyncio.wait_for(heal(world, batch=batch), 10)
    assert (done.removed, left(world)) == (4, 6)
    assert "kept by a trigger" in done.text


async def test_a_trigger_that_refuses_is_quoted(world: World) -> None:
    a_table(world)
    a_trigger(world, "BEFORE", "RAISE 'not on a sunday'")
    assert "a trigger or function of the database refuses it: not on a sunday" in await refused(
        world
    )


async def test_a_trigger_that_keeps_a_record_does_so(world: World) -> None:
    a_table(world)
    world.sql("CREATE TABLE trail (id int); GRANT INSERT ON trail TO healer")
    a_trigger(world, "AFTER", "INSERT INTO trail VALUES (old.id); RETURN old")
    assert ((await heal(world)).removed, left(world, "trail")) == (5, 5)


async def test_a_slow_statement_is_ended_by_the_server(world: World) -> None:
    a_table(world)
    a_trigger(world, "BEFORE", "PERFORM pg_sleep(60); RETURN old")
    said = await refused(world, statement_timeout="1s")
    assert "longer than postgres.statement_timeout" in said
    assert left(world) == 10


async def test_a_table_that_is_locked_is_not_waited_for_for_ever(world: World) -> None:
    a_table(world)
    holder = await world.login("boss")
    await holder.execute("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
    said = await refused(world, lock_timeout="300ms")
    assert "holds a lock on it for longer than postgres.lock_timeout" in said


async def test_a_lease_that_is_over_ends_it_between_two_batches(world: World) -> None:
    a_table(world)
    asked: list[int] = []

    def lease() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Fenced("the lease ran out")

    with pytest.raises(Fenced):
        await heal_sessions(world.facet(sessions=SESSIONS), Heal(batch=2), real_tools(lease))
    assert left(world) == 6


async def test_called_off_between_two_batches_it_says_what_is_gone(world: World) -> None:
    a_table(world)
    asked: list[int] = []

    def enough() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise CalledOff

    done = await heal_sessions(world.facet(sessions=SESSIONS), Heal(batch=2), real_tools(enough))
    assert (done.removed, done.found, left(world)) == (4, 5, 6)
    assert done.text == "removed 4 of 5 stale sessions: the rest is not needed any more"


async def test_it_says_how_far_it_has_come(world: World) -> None:
    a_table(world)
    said: list[str] = []
    facet = world.facet(sessions=SESSIONS)
    await heal_sessions(facet, Heal(batch=2), real_tools(said=said))
    assert said == [f"{number} removed of stale sessions" for number in (2, 4, 5)]


async def test_what_would_not_end_in_time_is_not_begun(world: World) -> None:
    a_table(world, stale=50)
    a_trigger(world, "BEFORE", "PERFORM pg_sleep(0.05); RETURN old")
    facet = world.facet(sessions=SESSIONS)
    hurried = real_tools(clock=HurriedClock())
    done = await heal_sessions(facet, Heal(batch=1, seconds=5.0), hurried)
    assert 0 < done.removed < 50
    assert "the time is nearly over, the rest waits for the next run" in done.text


async def test_two_at_once_take_every_row_once(world: World) -> None:
    a_table(world, stale=2000)
    both = await asyncio.gather(heal(world, batch=50), heal(world, batch=50))
    assert sum(one.removed for one in both) == 2000
    assert left(world) == 5


def a_trigger(world: World, when: str, body: str) -> None:
    world.sql(f"""
        CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$;
        CREATE TRIGGER t {when} DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION t()
    """)
