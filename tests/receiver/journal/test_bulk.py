"""Many rows by few statements: none is lost, none comes twice, whatever their number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from receiver.journal.sqlite import bulk

COUNTS = (0, 1, 2, 3, 7, 127, 128, 129, 255, 1000)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.row_factory = sqlite3.Row
        opened.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
        yield opened


def fill(db: sqlite3.Connection, count: int) -> None:
    rows = [(number, f"b{number}") for number in range(count)]
    bulk.write(db, "INSERT INTO t (a, b) VALUES {rows}", rows)


@pytest.mark.parametrize("count", COUNTS)
def test_every_row_is_written_once(db: sqlite3.Connection, count: int) -> None:
    fill(db, count)
    stored = [tuple(row) for row in db.execute("SELECT * FROM t ORDER BY a")]
    assert stored == [(number, f"b{number}") for number in range(count)]


@pytest.mark.parametrize("count", COUNTS)
def test_every_key_is_found_once(db: sqlite3.Connection, count: int) -> None:
    fill(db, 1000)
    found = bulk.read(db, "SELECT a FROM t WHERE a IN {rows}", range(count))
    assert sorted(row["a"] for row in found) == list(range(count))


def test_what_is_filled_up_matches_nothing(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO t VALUES (1, NULL)")
    assert list(bulk.read(db, "SELECT a FROM t WHERE b IN {rows}", ["x", "y", "z"])) == []


def test_many_rows_are_changed_by_what_is_given_for_each(db: sqlite3.Connection) -> None:
    fill(db, 300)
    changed = [(number, f"c{number}") for number in range(0, 300, 3)]
    bulk.write(
        db, "UPDATE t SET b = v.column2 FROM (VALUES {rows}) AS v WHERE a = v.column1", changed
    )
    stored = dict(tuple(row) for row in db.execute("SELECT a, b FROM t"))
    assert [stored[number] for number in range(4)] == ["c0", "b1", "b2", "c3"]
