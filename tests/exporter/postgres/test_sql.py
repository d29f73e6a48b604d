"""The statements of versions that are not installed: what is said of them is PostgreSQL's own documentation."""

from __future__ import annotations

import pytest

from exporter.postgres import sql
from exporter.postgres.columns import CHECKPOINTER, DATABASE, WRITER


@pytest.mark.parametrize("version", [11, 12, 14, 15, 16, 17, 18])
def test_every_version_is_asked_the_same_parts_once(version: int) -> None:
    statement = sql.scrape(version)
    assert statement.count("UNION ALL") == 8
    of_databases = ("session", "lock", "database", "conflict")
    for part in ("server", *of_databases, "slot", "replica", "archiver", "writer"):
        assert statement.count(f"SELECT '{part}'") == 1


def test_sessions_are_asked_for_from_14_on() -> None:
    assert "sessions_killed" not in sql.scrape(13)
    assert "sessions_killed" in sql.scrape(14)
    assert sql.scrape(13).count("NULL, NULL, NULL") >= 1
    new = [column for column in DATABASE if column.since]
    assert len(new) == 7


def test_checkpoints_are_told_by_another_view_from_17_on() -> None:
    assert "pg_stat_checkpointer" not in sql.scrape(16)
    assert "pg_stat_checkpointer" in sql.scrape(17)
    assert CHECKPOINTER.keys() <= WRITER.keys()


def test_a_statements_time_has_another_name_before_13() -> None:
    assert "sum(total_time)" in sql.statements(12)
    assert "sum(total_exec_time)" in sql.statements(13)
