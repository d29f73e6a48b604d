from __future__ import annotations

import json
from pathlib import Path

import pytest
import zstandard

from receiver.backups.base import BackupError
from receiver.backups.export import check_export
from receiver.backups.files import summed
from receiver.backups.making import back_up
from receiver.backups.manifest import read_manifest
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
