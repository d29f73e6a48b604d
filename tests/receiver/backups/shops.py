"""A shop's database with everything in it that a dump can lose, and a ground to back it up from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prunella.service.clock import Clock, SystemClock
from receiver.backups.base import Ground
from receiver.backups.facet import BackupFacet
from receiver.backups.files import summed
from receiver.backups.manifest import Manifest, write_manifest
from receiver.backups.optional import library
from receiver.decide.backups import SUM, Kind, file_name
from receiver.outside.programs import SystemPrograms
from receiver.stores.postgres_store import PostgresFacet
from receiver.targets import Target
from receiver.tools import Http, Programs, Tools
from tests.receiver.stand_ins import StandInHttp, a_toolbox
from tests.servers.postgres import USER, PostgresServer, binary

SHOP = f"""
    CREATE EXTENSION pg_trgm; CREATE EXTENSION hstore; CREATE EXTENSION citext;
    CREATE TABLE customers (id bigint PRIMARY KEY, name citext NOT NULL, about hstore);
    CREATE TABLE orders (id bigserial PRIMARY KEY, customer bigint REFERENCES customers, total numeric(12,2),
                         made timestamptz DEFAULT now(), body jsonb, blob bytea);
    CREATE INDEX ON customers USING gin ((name::text) gin_trgm_ops);
    CREATE SCHEMA "odd schema"; CREATE TABLE "odd schema"."Ta""ble é" (x text);
    CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
    CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(total) FROM orders GROUP BY customer;
    CREATE UNLOGGED TABLE scratch_pad (x int);
    INSERT INTO customers SELECT i, 'name ' || i, hstore('k', i::text) FROM generate_series(1, {{rows}}) AS i;
    INSERT INTO orders (customer, total, body, blob)
      SELECT 1 + i % {{rows}}, i * 1.01, jsonb_build_object('i', i, 'é', E'\\u2028 "\\\\ \\n'), decode(md5(i::text), 'hex')
      FROM generate_series(1, {{rows}}) AS i;
    INSERT INTO "odd schema"."Ta""ble é" VALUES ('a'), (NULL), ('');
    INSERT INTO events SELECT '2026-01-01'::date + i % 300, 'e' || i FROM generate_series(1, 100) AS i;
    INSERT INTO scratch_pad VALUES (1);
    REFRESH MATERIALIZED VIEW totals;
    SELECT lo_from_bytea(0, decode(repeat('00ff', 5000), 'hex')) FROM generate_series(1, 5);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO {USER}
"""  # fmt: skip
TABLES = 5  # customers, orders, the odd one, one partition, the pad


def allow_backups(server: PostgresServer) -> None:
    """What docs/backups.md asks for."""
    server.sql(f"ALTER ROLE {USER} SUPERUSER")


def a_shop(server: PostgresServer, rows: int = 1000) -> str:
    """A database full of things; its name."""
    name = server.database()
    server.sql(SHOP.replace("{rows}", str(rows)), name)
    return name


def everything(server: PostgresServer, database: str) -> dict[str, str]:
    """A digest of every row of every table, by name, and of every large object."""
    names = server.sql(
        "SELECT string_agg(format('%I.%I', schemaname, tablename), '|' ORDER BY 1) FROM pg_tables"
        " WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema'",
        database,
    )
    # a sum of hashes: the rows of a large table are too long for one string
    digest = "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {} AS t"
    found = {name: server.sql(digest.format(name), database) for name in names.split("|") if name}
    large = "SELECT count(*) || ' ' || md5(string_agg(md5(lo_get(oid)), '' ORDER BY oid)) FROM pg_largeobject_metadata"
    return {**found, "large objects": server.sql(large, database)}


def facet_of(directory: Path, **keys: Any) -> BackupFacet:
    """With nothing but a directory, unless said."""
    return BackupFacet.model_validate({"directory": directory, **keys})


def a_ground(
    server: PostgresServer,
    database: str,
    directory: Path,
    *,
    programs: Programs | None = None,
    http: Http | None = None,
    clock: Clock | None = None,
    said: list[str] | None = None,
    **keys: Any,
) -> Ground:
    """As the action has it, on the real server with the real programs."""

    async def progress(text: str) -> None:
        if said is not None:
            said.append(text)

    tools = Tools(
        clock=clock or SystemClock(),
        http=http or StandInHttp(),
        programs=programs or SystemPrograms(),
        executables=executables(),
        progress=progress,
    )
    facet = facet_of(directory, **keys)
    postgres = PostgresFacet.model_validate({"url": server.url(database)})
    return Ground("db", facet, postgres, tools, timeout=60.0)


def ground_on(target: Target) -> Ground:
    """Of a target that needs no server."""
    assert target.backup is not None
    return Ground(target.name, target.backup, target.postgres, a_toolbox(), 10.0)


def a_redis_copy(
    directory: Path, at: float, data: bytes = b"REDIS0011" + b"\xff" + b"s" * 8
) -> str:
    """One that was made then, with what lies beside it."""
    path = directory / file_name("db", Kind.REDIS, at)
    path.write_bytes(data)
    path.with_name(f"{path.name}{SUM}").write_text(summed(path, path.name))
    write_manifest(path, Manifest("db", Kind.REDIS, "2026-05-28T20:26:40Z"))
    return path.name


def config_of(
    server: PostgresServer, database: str, directory: Path, **keys: Any
) -> dict[str, Any]:
    """A receiver's config whose one target is that database, without schedules and in shadow."""
    facet = {"directory": str(directory), "schedule": None, "drill": None, **keys}
    target = {"postgres": {"url": server.url(database)}, "backup": facet}
    return {
        "mode": "shadow",
        "executables": dict(executables()),
        "targets": {"db": target},
        "playbooks": [],
    }


def executables() -> Mapping[str, str]:
    """PostgreSQL's programs of the server's own version."""
    return {name: str(binary(name)) for name in ("pg_dump", "pg_restore")}


def an_identity(file: Path) -> str:
    """Its recipient; the identity is in the file, as age-keygen writes it."""
    identity = library("pyrage").x25519.Identity.generate()
    file.write_text(f"# created: today\n{identity}\n")
    return str(identity.to_public())


def instead(ground: Ground, program: str, script: Path, text: str) -> Ground:
    """The same with a script in place of one of PostgreSQL's programs."""
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    programs = {**executables(), program: str(script)}
    return replace(ground, tools=replace(ground.tools, executables=programs))


def names_in(directory: Path, hidden: str = "") -> list[str]:
    """Everything that lies there, without the lock and the record; or of what is hidden what begins so."""
    names = sorted(one.name for one in directory.iterdir())
    if hidden:
        return [name for name in names if name.startswith(hidden)]
    return [name for name in names if not name.startswith(".")]
