from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.backups.base import BackupError, Disproved
from receiver.backups.export import check_export
from receiver.backups.files import summed
from receiver.backups.making import back_up
from receiver.backups.manifest import Manifest, read_manifest
from receiver.backups.proving import prove
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import a_ground, a_shop, names_in
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server
ODD = '"odd schema"."Ta""ble é"'


def lines_of(path: Path) -> list[dict[str, object]]:
    with zstandard.ZstdDecompressor().stream_reader(path.read_bytes()) as raw:
        return [json.loads(line) for line in raw.read().decode().split("\n")[:-1]]


async def test_every_row_is_a_line_of_json_with_its_table(
    server: PostgresServer, tmp_path: Path
) -> None:
    tables = ["orders", ODD, "events"]
    ground = a_ground(server, a_shop(server, 200), tmp_path, tables=tables)
    made = await back_up(ground, Kind.EXPORT)
    found = lines_of(tmp_path / made.name)
    orders = [one["row"] for one in found if one["table"] == "public.orders"]
    assert len(orders) == 200
    assert isinstance(orders[0], dict)
    assert orders[0]["body"] == {"i": 1, "é": '\u2028 "\\ \n'}
    assert [one["row"] for one in found if "odd" in str(one["table"])] == [
        {"x": "a"},
        {"x": None},
        {"x": ""},
    ]
    assert read_manifest(tmp_path / made.name).tables == {
        "public.orders": 200,
        'odd schema.Ta"ble é': 3,
        "public.events": 100,
    }


async def test_it_is_proven_by_counting_its_lines(server: PostgresServer, tmp_path: Path) -> None:
    ground = a_ground(server, a_shop(server, 50), tmp_path, tables=["orders", "customers"])
    made = await back_up(ground, Kind.EXPORT)
    assert (await prove(ground, made.name)).rows == 100


async def test_one_that_is_cut_off_is_found_out_even_with_a_matching_sum(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 5000), tmp_path, tables=["orders"])
    path = tmp_path / (await back_up(ground, Kind.EXPORT)).name
    path.write_bytes(path.read_bytes()[:-1000])
    (tmp_path / f"{path.name}.sha256").write_text(summed(path, path.name))
    with pytest.raises(BackupError, match="cannot be read to its end"):
        check_export(path, read_manifest(path))


async def test_a_table_that_is_not_there_makes_none(server: PostgresServer, tmp_path: Path) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path, tables=["orders", "nothing"])
    with pytest.raises(BackupError, match=r"there is no table nothing: correct backup\.tables"):
        await back_up(ground, Kind.EXPORT)
    assert names_in(tmp_path) == []


NASTY = [
    "",
    " ",
    "\\",
    "\\n",
    '"',
    "'",
    "\x01",
    "\x02",
    "a\nb\tc\r\n",
    "{}",
    "\\.",
    "\u2028é😀",
    "x" * 100_000,
]


async def test_whatever_stands_in_a_row_comes_back_as_it_was(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = server.database()
    server.sql(
        """CREATE TABLE "it's \\ odd" (x text, n numeric, f float8, b bytea, t timestamptz)""", name
    )
    db = await asyncpg.connect(server.url(name))
    for text in NASTY:
        await db.execute(
            """INSERT INTO "it's \\ odd" VALUES ($1, 1.10, 'NaN', $2, NULL)""", text, text.encode()
        )
    await db.close()
    ground = a_ground(server, name, tmp_path, tables=["""\"it's \\ odd\""""])
    made = await back_up(ground, Kind.EXPORT)
    rows = [one["row"] for one in lines_of(tmp_path / made.name)]
    assert [row["x"] for row in rows if isinstance(row, dict)] == NASTY
    assert rows[3] == {"x": "\\n", "n": 1.10, "f": "NaN", "b": "\\x5c6e", "t": None}
    assert (await prove(ground, made.name)).rows == len(NASTY)


async def test_a_table_without_a_row_is_in_its_manifest_and_proven(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = server.database()
    server.sql("CREATE TABLE nothing (x int)", name)
    ground = a_ground(server, name, tmp_path, tables=["nothing"])
    made = await back_up(ground, Kind.EXPORT)
    assert made.manifest.tables == {"public.nothing": 0}
    assert (await prove(ground, made.name)).found == "0 rows in 1 tables were read"


def an_export(folder: Path, lines: bytes, **tables: int) -> tuple[Path, Manifest]:
    """One with those lines, and what its manifest says of it."""
    path = folder / "x.jsonl.zst"
    path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(lines))
    return path, Manifest("db", Kind.EXPORT, "2026-05-28T20:26:40Z", tables)


LINES = b"".join(b'{"table": "a", "row": {"x": %d}}\n' % number for number in range(200))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_that_breaks_off_anywhere_is_found_out(tmp_path: Path, chosen: st.DataObject) -> None:
    path, manifest = an_export(tmp_path, LINES, a=200)
    assert check_export(path, manifest) == {"a": 200}
    whole = path.read_bytes()
    path.write_bytes(whole[: chosen.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(Disproved, match="cannot be read to its end"):
        check_export(path, manifest)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (LINES[:-1], "cannot be read to its end: it breaks off"),
        (LINES + b"{", "it breaks off"),
        (LINES + b"\n", "cannot be read to its end"),
        (LINES + b"5\n", "cannot be read to its end"),
        (LINES + b'{"row": {}}\n', "cannot be read to its end"),
        (LINES + b'{"table": "a"}\n', "a: 201 instead of 200"),
        (LINES + b'{"table": "b"}\n', "b: 1 instead of none"),
        (LINES[: LINES.index(b"\n") + 1], "a: 1 instead of 200"),
        (b"", "a: none instead of 200"),
    ],
)
def test_one_that_does_not_hold_what_its_manifest_says_is_found_out(
    tmp_path: Path, lines: bytes, why: str
) -> None:
    path, manifest = an_export(tmp_path, lines, a=200)
    with pytest.raises(Disproved, match=why):
        check_export(path, manifest)


async def test_a_server_that_ends_the_session_meanwhile_leaves_none(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = server.database()
    server.sql(
        "CREATE TABLE big AS SELECT i, pg_backend_pid() AS pid FROM generate_series(1, 3) AS i;"
        " CREATE VIEW deadly AS SELECT i, pg_terminate_backend(pg_backend_pid()) FROM big",
        name,
    )
    ground = a_ground(server, name, tmp_path, tables=["big", "deadly"])
    with pytest.raises(BackupError) as told:
        await back_up(ground, Kind.EXPORT)
    assert told.value.started
    assert names_in(tmp_path) == []
