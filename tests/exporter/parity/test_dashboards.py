from __future__ import annotations

from pathlib import Path

import pytest

from tests.exporter.parity.dashboards import FOLDER, asked_for, without_data
from tests.exporter.parity.frame import read


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda file: file.stem)
def test_every_list_says_where_it_is_from_and_names_nothing_twice(file: Path) -> None:
    names = asked_for(file.stem)
    assert names
    assert len(names) == len(set(names))


def test_a_name_without_a_series_is_found() -> None:
    page = read("# TYPE redis_up gauge\nredis_up 1\n")
    missing = without_data("redis_exporter", page)
    assert "redis_up" not in missing
    assert "redis_connected_clients" in missing
