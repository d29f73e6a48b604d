"""Databases that are made for a while: named so that they fit, owned as before, and told when they cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.backups.base import BackupError
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.backups.record import read_record
from receiver.backups.scratch import (
    create,
    dress,
    drill_prefix,
    drop_left,
    give,
    left_restoring,
    managing,
    named_like,
)
from receiver.decide.backups import Kind
from receiver.stores.identifiers import LONGEST
from receiver.stores.postgres_store import PostgresFacet
from tests.receiver.backups.shops import a_ground, a_shop, names_in
from tests.servers.postgres import PostgresServer

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)


@given(NAMES)
def test_a_name_beside_another_fits_whatever_that_is_called(name: str) -> None:
    beside = named_like(name, "restoring")
    assert len(beside.encode()) <= LONGEST
    assert "_restoring_" in beside
    assert beside != named_like(name, "restoring")


@given(NAMES, NAMES)
def test_scratch_databases_of_one_target_are_no_other_targets(one: str, other: str) -> None:
    assert (drill_prefix(one) == drill_prefix(other)) is (one == other)


def facet_on(server: PostgresServer, name: str = "postgres") -> PostgresFacet:
    return PostgresFacet.model_validate({"url": server.url(name)})


def a_role(server: PostgresServer, name: str, *rights: str) -> PostgresFacet:
    """What it sees of that database."""
    server.sql(f"CREATE ROLE r{name} LOGIN PASSWORD 'x' {' '.join(rights)}")
    url = f"postgresql://r{name}:x@127.0.0.1:{server.port}/{name}"
    return PostgresFacet.model_validate({"url": url})


@pytest.mark.server
async def test_a_role_that_may_make_none_is_told_what_it_needs_and_the_backup_keeps_its_stamp(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 1)
    ground = a_ground(server, name, tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    await prove(ground)
    weak = a_role(server, name).url
    ground = a_ground(server, name, tmp_path, drill_url=weak.get_secret_value())
    with pytest.raises(BackupError, match=r"ALTER ROLE … CREATEDB, or another server") as told:
        await prove(ground)
    assert not told.value.started
    assert f"{made.name}.verified" in names_in(tmp_path)
    assert "CREATEDB" in read_record(tmp_path, "db")["database"].verify_reason


@pytest.mark.server
async def test_an_owner_that_cannot_be_had_is_named(server: PostgresServer) -> None:
    name = server.database()
    facet = a_role(server, name, "CREATEDB")
    server.sql(f"ALTER DATABASE {name} OWNER TO r{name}")
    async with managing(facet) as db:
        for owner in ("nobody", "postgres"):
            with pytest.raises(BackupError, match=f"cannot belong to {owner} as before"):
                await give(db, name, owner)


@pytest.mark.server
async def test_what_could_not_be_set_is_listed_and_the_rest_is_set(server: PostgresServer) -> None:
    name = server.database()
    like = {
        "settings": json.dumps(
            ["work_mem=7MB", "search_path=shop, public", "no_such.thing=1", "nonsense=1"]
        ),
        "privileges": json.dumps(["prunella=CTc/prunella", "=c/prunella"]),
        "owner": "nobody_at_all",
    }
    async with managing(facet_on(server)) as db:
        left = await dress(db, name, like)
    assert [order.partition(" SET ")[2] or order for order in left] == [
        "\"nonsense\" TO '1'",
        f'ALTER DATABASE "{name}" OWNER TO "nobody_at_all"',
    ]
    assert server.sql("SHOW work_mem", name) == "7MB"
    assert server.sql("SHOW search_path", name) == "shop, public"


@pytest.mark.server
@pytest.mark.parametrize("spoiled", ["{", '["x"', "5x"])
async def test_a_manifest_that_is_spoiled_sets_nothing_and_stops_nothing(
    server: PostgresServer, spoiled: str
) -> None:
    name = server.database()
    async with managing(facet_on(server)) as db:
        assert await dress(db, name, {"settings": spoiled, "privileges": spoiled}) == ()


@pytest.mark.server
async def test_a_new_one_is_kept_and_ordered_as_the_one_that_was_dumped(
    server: PostgresServer,
) -> None:
    name = named_like("shop", "new")
    like = {"encoding": "LATIN1", "collate": "C", "ctype": "C", "owner": "whoever"}
    async with managing(facet_on(server)) as db:
        await create(db, name, like)
    about = f"SELECT pg_encoding_to_char(encoding) || datcollate || datctype FROM pg_database WHERE datname = '{name}'"
    assert server.sql(about) == "LATIN1CC"


@pytest.mark.server
async def test_whatever_a_database_is_called_or_its_manifest_says_is_no_sql(
    server: PostgresServer,
) -> None:
    name, victim = 'a"; DROP DATABASE x; --', server.database()
    async with managing(facet_on(server)) as db:
        await create(db, name, {})
        with pytest.raises(asyncpg.PostgresError, match=r"collation|locale"):
            await create(db, "b", {"collate": f"C'; DROP DATABASE {victim}; --", "ctype": "C"})
        assert await drop_left(db, 'a"; DROP') == 1
    assert server.sql(f"SELECT count(*) FROM pg_database WHERE datname = '{victim}'") == "1"


@pytest.mark.server
async def test_only_what_begins_with_the_prefix_is_dropped(server: PostgresServer) -> None:
    name = server.database()
    async with managing(facet_on(server)) as db:
        # a pattern would take more than what begins so
        assert await drop_left(db, f"{name[:-1]}_") == 0
        assert await left_restoring(db, f"{name[:-2]}%") == ()
        assert await drop_left(db, name) == 1
    assert server.sql(f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == "0"


@pytest.mark.server
async def test_where_there_is_no_database_postgres_the_other_one_is_managed_from(
    server: PostgresServer,
) -> None:
    name = server.database()
    facet = a_role(server, name)
    server.sql(f"REVOKE CONNECT ON DATABASE postgres FROM PUBLIC; GRANT r{name} TO prunella")
    try:
        async with managing(facet) as db:
            assert await db.fetchval("SELECT current_database()") == "template1"
    finally:
        server.sql("GRANT CONNECT ON DATABASE postgres TO PUBLIC")
