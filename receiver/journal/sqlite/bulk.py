"""Many rows by few statements.

Python lets go of its lock at every step of a statement, and a busy event loop is slow to give it back: a statement for
each row makes the writer wait a hundred times for a hundred rows. Sizes are few, so that the statements stay prepared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain

SIZES = (128, 64, 32, 16, 8, 4, 2, 1)
HERE = "{rows}"  # in a statement: where the values go


def write(db: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Runs `statement` with `HERE` standing for all the rows, as VALUES writes them."""
    at = 0
    for size in SIZES:
        while len(rows) - at >= size:
            part = rows[at : at + size]
            sql = _filled(statement, size, len(part[0]))
            db.execute(sql, list(chain.from_iterable(part)))
            at += size


def read(db: sqlite3.Connection, statement: str, keys: Iterable[object]) -> list[sqlite3.Row]:
    """The rows of `statement` with `HERE` standing for a list of keys; what is short is filled up with NULL."""
    wanted, found = list(keys), []
    for start in range(0, len(wanted), SIZES[0]):
        part = wanted[start : start + SIZES[0]]
        size = next(one for one in reversed(SIZES) if one >= len(part))
        sql = _filled(statement, 1, size)
        found += db.execute(sql, [*part, *[None] * (size - len(part))]).fetchall()
    return found


@cache
def _filled(statement: str, rows: int, columns: int) -> str:
    marks = ",".join("?" * columns)
    return statement.replace(HERE, ",".join([f"({marks})"] * rows))
