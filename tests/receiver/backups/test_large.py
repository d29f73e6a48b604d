"""A database as they are: millions of rows (`make chaos`), large objects, what Debian's contrib brings, and writers who do
not stop. What the writers leave alone is compared row by row, what they write by what must hold in every moment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from receiver.backups.base import Ground
from receiver.backups.making import back_up
from receiver.backups.manifest import read_manifest
from receiver.backups.proving import prove
from receiver.backups.restoring import plan, restore
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import a_ground, everything
from tests.servers.postgres import PostgresServer

LONG = "PRUNELLA_CHAOS" in os.environ
ROWS, THINGS, OBJECTS, WRITERS = (3_000_000, 30_000, 2_000, 8) if LONG else (3_000, 3_000, 20, 2)
pytestmark = [pytest.mark.server, pytest.mark.timeout(3600 if LONG else 180)]
EXTENSIONS = (
    *("bloom", "btree_gin", "btree_gist", "citext", "cube", "earthdistance", "fuzzystrmatch"),
    *("hstore", "intarray", "isn", "lo", "ltree", "pg_trgm", "pgcrypto", "postgres_fdw", "seg"),
    *("tablefunc", "unaccent", '"uuid-ossp"', "xml2"),
)
TYPES = f"""
    CREATE TABLE things (
      id bigint PRIMARY KEY, name citext, tags hstore, path ltree, place cube, span seg, book isbn, numbers int[],
      secret bytea, key uuid DEFAULT uuid_generate_v4(), photo lo, body jsonb, CHECK (nlevel(path) = 2));
    INSERT INTO things (id, name, tags, path, place, span, book, numbers, secret, photo, body)
      SELECT i, 'Name ' || i, hstore('n', i::text), ('a.b' || i)::ltree, cube(i, -i), (i || ' .. ' || i + 1)::seg,
             '978-0-393-04002-9', ARRAY[i, i % 7], digest(i::text, 'sha256'),
             CASE WHEN i <= {OBJECTS} THEN lo_from_bytea(0, decode(repeat(md5(i::text), 4000), 'hex')) END,
             jsonb_build_object('i', i, 'é', E'\\u2028')
      FROM generate_series(1, {THINGS}) AS i;
    CREATE TABLE sales (id bigint PRIMARY KEY, customer bigint, total numeric(12,2), note text);
    INSERT INTO sales SELECT i, i % 9973, i * 1.01, md5(i::text) FROM generate_series(1, {ROWS}) AS i;
    CREATE INDEX ON things USING gin (numbers gin__int_ops);
    CREATE INDEX ON things USING gin ((name::text) gin_trgm_ops);
    CREATE INDEX ON things USING gist (path, id);
    CREATE INDEX ON things USING bloom ((id::int));
    CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT unaccent('unaccent', $1) $$;
    CREATE TABLE accounts (id int PRIMARY KEY, amount bigint NOT NULL);
    INSERT INTO accounts SELECT i, 1000 FROM generate_series(1, 100) AS i;
    CREATE TABLE moves (at timestamptz DEFAULT clock_timestamp(), giver int, taker int, amount bigint)
"""
WRITTEN = {"public.accounts", "public.moves"}
MONEY = "SELECT sum(amount) FROM accounts"
BOOKED = """
    SELECT count(*) FROM accounts AS a WHERE amount <> 1000
      + coalesce((SELECT sum(m.amount) FROM moves AS m WHERE taker = a.id), 0)
      - coalesce((SELECT sum(m.amount) FROM moves AS m WHERE giver = a.id), 0)
"""
MOVE = """
    WITH m AS (INSERT INTO moves (giver, taker, amount) VALUES ($1, $2, 1) RETURNING giver, taker)
    UPDATE accounts SET amount = amount + CASE id WHEN m.taker THEN 1 ELSE -1 END FROM m WHERE id IN (giver, taker)
"""


@pytest.fixture(scope="module")
def database(server: PostgresServer) -> str:
    name = server.database()
    for extension in EXTENSIONS:
        server.sql(f"CREATE EXTENSION {extension}", name)
    server.sql(TYPES, name)
    return name


@asynccontextmanager
async def writers(server: PostgresServer, name: str) -> AsyncIterator[list[int]]:
    """Money goes from one account to the next in each transaction; the turns of each writer."""
    stop, turns = asyncio.Event(), [0] * WRITERS

    async def write(number: int) -> None:
        db = await asyncpg.connect(server.url(name))
        while not stop.is_set():
            # each has accounts of its own, so that none waits for another
            giver = 1 + number * 12 + turns[number] % 11
            await db.execute(MOVE, giver, giver + 1)
            turns[number] += 1
        await db.close()

    tasks = [asyncio.ensure_future(write(number)) for number in range(WRITERS)]
    try:
        yield turns
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def untouched(found: dict[str, str]) -> dict[str, str]:
    """What no writer has changed."""
    return {name: digest for name, digest in found.items() if name not in WRITTEN}


def a_patient_ground(server: PostgresServer, name: str, folder: Path, **keys: Any) -> Ground:
    """With time for millions of rows."""
    return replace(a_ground(server, name, folder, **keys), timeout=1800.0)


@pytest.mark.parametrize("jobs", [1, 2], ids=["one file", "a directory"])
async def test_every_row_comes_back_and_what_was_written_meanwhile_is_of_one_moment(
    server: PostgresServer, database: str, tmp_path: Path, jobs: int
) -> None:
    ground = a_patient_ground(server, database, tmp_path, jobs=jobs)
    async with writers(server, database) as turns:
        made = await back_up(ground, Kind.DATABASE)
    assert min(turns) > 0
    manifest = read_manifest(tmp_path / made.name)
    assert (manifest.tables["public.sales"], manifest.others["large objects"]) == (ROWS, OBJECTS)
    assert manifest.tables["public.moves"] <= int(
        server.sql("SELECT count(*) FROM moves", database)
    )
    copy = f"{database}_{jobs}"
    await restore(ground, await plan(ground, None, server.url(copy), replace=False))
    assert untouched(everything(server, copy)) == untouched(everything(server, database))
    assert (server.sql(MONEY, copy), server.sql(BOOKED, copy)) == ("100000", "0")
    server.sql(f"DROP DATABASE {copy}")


async def test_the_export_of_a_moment_holds_together_while_it_is_written_to(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    tables = ["sales", "things", "accounts", "moves"]
    ground = a_patient_ground(server, database, tmp_path, tables=tables)
    async with writers(server, database):
        made = await back_up(ground, Kind.EXPORT)
    counted = read_manifest(tmp_path / made.name).tables
    assert (counted["public.sales"], counted["public.accounts"]) == (ROWS, 100)
    assert (await prove(ground, made.name)).rows == sum(counted.values())


async def test_the_same_extensions_are_there_after_a_restore(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    listed = "SELECT string_agg(extname || ' ' || extversion, ',' ORDER BY 1) FROM pg_extension"
    ground, copy = a_patient_ground(server, database, tmp_path), f"{database}_same"
    await back_up(ground, Kind.DATABASE)
    await restore(ground, await plan(ground, None, server.url(copy), replace=False))
    assert server.sql(listed, copy) == server.sql(listed, database)
    assert server.sql("SELECT plain('Élan')", copy) == "Elan"
    found = "SELECT count(*) FROM things WHERE name::text % 'Name 17' AND path <@ 'a'"
    assert server.sql(found, copy) == server.sql(found, database) != "0"
    server.sql(f"DROP DATABASE {copy}")
