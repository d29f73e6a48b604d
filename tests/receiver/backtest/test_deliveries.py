from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from receiver.backtest.deliveries import stored
from receiver.backtest.history import HistoryError
from receiver.journal import Seen
from receiver.journal.sqlite import open_journal
from receiver.webhook import decode
from tests.receiver.backtest.builders import MIDNIGHT, starts
from tests.receiver.rig import firing, resolved


def body(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {"version": "4", "alerts": alerts}


def a_file(folder: Path, *lines: object) -> Path:
    file = folder / "deliveries.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


def test_a_body_without_a_time_came_when_it_tells_of(tmp_path: Path) -> None:
    found = stored(a_file(tmp_path, body(resolved()), body(firing())))
    assert starts(found) == [(MIDNIGHT, "firing"), (MIDNIGHT + 600, "resolved")]


def test_a_time_that_is_said_counts(tmp_path: Path) -> None:
    lines = ({"t": MIDNIGHT + 30, "body": body(firing(), firing("cache"))},)
    found = stored(a_file(tmp_path, *lines))
    assert [one.at for one in found] == [MIDNIGHT + 30] * 2
    assert {one.alert["fingerprint"] for one in found} == {"fp-shop", "fp-cache"}


def test_what_would_have_been_set_aside_when_it_came_is_left_out(tmp_path: Path) -> None:
    lie = firing(endsAt="2026-09-21T00:00:00Z")
    lines = ({"t": MIDNIGHT + 3600, "body": body(lie, firing("cache"))},)
    found = stored(a_file(tmp_path, *lines))
    assert [one.alert["fingerprint"] for one in found] == ["fp-cache"]


def test_history_without_a_time_is_believed_whatever_the_day_is(tmp_path: Path) -> None:
    old = body(firing(startsAt="2020-01-01T00:00:00Z", endsAt="2020-01-01T01:00:00Z"))
    coming = body(resolved(startsAt="2199-01-01T00:00:00Z", endsAt="2199-01-01T01:00:00Z"))
    assert len(stored(a_file(tmp_path, old, coming))) == 2


def test_a_body_over_several_lines_is_one(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text(json.dumps(body(firing()), indent=2))
    assert starts(stored(file)) == [(MIDNIGHT, "firing")]


@pytest.mark.parametrize("text", ["", "{", '{"alerts": 3}', '{"t": "x", "body": {"alerts": []}}'])
def test_what_is_no_delivery_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(text)
    with pytest.raises(HistoryError, match=r"wrong\.json: delivery 1"):
        stored(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="No such file"):
        stored(tmp_path / "none")


def test_another_database_is_no_journal(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE a (b)")
    db.close()
    with pytest.raises(HistoryError, match="not a journal of ours"):
        stored(file)


async def test_a_journal_knows_its_episodes(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    journal = await open_journal(file, MIDNIGHT)
    for at, alert in ((MIDNIGHT + 5, firing()), (MIDNIGHT + 605, resolved())):
        (seen,) = decode(json.dumps(body(alert)).encode(), "am").observations
        await journal.ingest([Seen(seen, None)], at)
    await journal.close()
    found = stored(file)
    assert starts(found) == [(MIDNIGHT + 5, "firing"), (MIDNIGHT + 605, "resolved")]
    assert found[0].alert["labels"]["service"] == "shop"
