"""What there is to restore from, as the API tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from receiver.backups.record import write_record
from receiver.decide.backups import Kind, file_name
from tests.receiver.web.serving import READ, Answer, Client, serving

AT = 1_780_000_000.0
PATH = "/api/v1/backups"


def backed_up(folder: Path) -> dict[str, Any]:
    """Two targets that are, and one that is not."""
    store = folder / "store"
    store.mkdir()
    (store / file_name("db", Kind.CONFIG, AT)).write_text("x")
    write_record(store, "db", "config", ok=False, attempt=AT + 60, reason="full")
    usual = {"directory": str(store), "schedule": None, "drill": None}
    gone = {**usual, "directory": str(folder / "gone")}
    return {"targets": {"db": {"backup": usual}, "other": {"backup": gone}, "shop": {}}}


async def listed(client: Client, query: str = "") -> Answer:
    return await client.ask("GET", f"{PATH}{query}", token=READ)


async def test_each_target_with_a_backup_is_told_with_what_became_of_its_runs(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, **backed_up(tmp_path), playbooks=[]) as client:
        one, other = (await listed(client)).json["targets"]
    assert (one["target"], one["problem"], "away" in one) == ("db", "", False)
    assert [row["name"] for row in one["backups"]] == ["db-config-20260528T202640Z.tar.zst"]
    assert (one["runs"]["config"]["ok"], one["runs"]["config"]["reason"]) == (False, "full")
    assert (other["target"], other["backups"], other["free_bytes"]) == ("other", [], None)
    assert "No such file" in other["problem"]


async def test_one_target_is_told_alone_and_an_unknown_one_with_those_there_are(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, **backed_up(tmp_path), playbooks=[]) as client:
        assert [one["target"] for one in (await listed(client, "?target=other")).json["targets"]] == ["other"]  # fmt: skip
        for name in ("shop", "nothing"):
            answer = await listed(client, f"?target={name}")
            assert (answer.status, answer.json["reason"]) == (404, "unknown_target")
            assert "known: db, other" in answer.json["error"]


async def test_what_is_away_is_asked_only_for_who_wants_it(tmp_path: Path) -> None:
    async with serving(tmp_path, **backed_up(tmp_path), playbooks=[]) as client:
        told = (await listed(client, "?target=db&away=1")).json["targets"]
    assert [one["away"] for one in told] == [[]]


async def test_whoever_may_not_read_learns_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, **backed_up(tmp_path), playbooks=[]) as client:
        for token in ("", "wrong"):
            answer = await client.ask("GET", PATH, token=token)
            assert answer.status == 401
            assert "db-config" not in str(answer.json)
