"""Deliveries that were stored: webhook bodies in a file, or the episodes of a SQLite journal (opened for reading only)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from receiver.backtest.history import Heard, HistoryError, Stretch, firing, heard, over
from receiver.decide.episode import Observation, Status
from receiver.webhook import BadDelivery, decode

MAGIC = b"SQLite format 3\0"
EPISODES = "SELECT labels, opened_at, closed_at FROM episode ORDER BY opened_at"


def stored(file: Path) -> list[Heard]:
    """In the order in which they came. Raises HistoryError."""
    try:
        with file.open("rb") as opened:
            is_journal = opened.read(len(MAGIC)) == MAGIC
        return _of_journal(file) if is_journal else _of_bodies(file.read_bytes(), file)
    except OSError as error:
        raise HistoryError(f"{file}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise HistoryError(f"{file}: not a journal of ours: {error}") from error


def _of_journal(file: Path) -> list[Heard]:
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as db:
        rows = db.execute(EPISODES).fetchall()
    return heard([Stretch(json.loads(labels), begins, ends) for labels, begins, ends in rows])


def _of_bodies(text: bytes, file: Path) -> list[Heard]:
    """One body, or one a line; a line may say in `t` (unix seconds) when its `body` came."""
    lines = [line for line in text.splitlines() if line.strip()]
    bodies = lines if len(lines) > 1 and all(map(_is_whole, lines)) else [text]
    found = [one for number, body in enumerate(bodies, start=1) for one in _of(body, file, number)]
    return sorted(found, key=lambda one: one.at)


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _of(text: bytes, file: Path, number: int) -> Iterator[Heard]:
    try:
        said = json.loads(text)
        at = said.get("t") if isinstance(said, dict) and "body" in said else None
        body = said["body"] if at is not None else said
        came = None if at is None else float(at)
        delivery = decode(json.dumps(body).encode(), "replay", came)
    except (ValueError, TypeError, BadDelivery) as error:
        raise HistoryError(f"{file}: delivery {number}: {error}") from error
    for seen in delivery.observations:
        yield Heard(_moment(seen) if came is None else came, _element(seen))


def _moment(seen: Observation) -> float:
    """Of what does not say when it came: the moment it tells of."""
    ended = seen.ends_at if seen.status is Status.RESOLVED else None
    return seen.starts_at if ended is None else ended


def _element(seen: Observation) -> Mapping[str, Any]:
    resolved = seen.status is Status.RESOLVED
    told = over(seen.labels, seen.starts_at, _moment(seen)) if resolved else None
    return {
        **(told or firing(seen.labels, seen.starts_at)),
        "fingerprint": seen.fingerprint,
    }
