"""What is known of the runs survives whatever becomes of the file, and the files tell the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.backups.base import Disproved
from receiver.backups.local import listed, prune
from receiver.backups.manifest import Manifest, read_manifest, write_manifest
from receiver.backups.record import Runs, read_record, write_record
from receiver.backups.showing import as_json, label, look, moment
from receiver.decide.backups import Kind, file_name
from tests.receiver.backups.shops import facet_of

AT = 1_780_000_000.0
DAY = 86400.0


def made(folder: Path, at: float, kind: Kind = Kind.DATABASE, *, verified: bool = False) -> str:
    """A backup of ten bytes."""
    name = file_name("db", kind, at)
    (folder / name).write_bytes(b"x" * 10)
    if verified:
        (folder / f"{name}.verified").write_text("{}")
    return name


def test_one_kind_does_not_overwrite_another(tmp_path: Path) -> None:
    write_record(tmp_path, "db", "database", ok=True, success=1.0)
    write_record(tmp_path, "db", "export", ok=False, reason="full")
    write_record(tmp_path, "db", "database", attempt=2.0)
    known = read_record(tmp_path, "db")
    assert (known["database"].success, known["database"].attempt) == (1.0, 2.0)
    assert known["export"].reason == "full"


def test_one_target_does_not_know_of_another(tmp_path: Path) -> None:
    write_record(tmp_path, "db", "database", ok=True)
    assert read_record(tmp_path, "other") == {}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"database": 5}', '{"database": []}', "\x00", "null"]
)
def test_a_spoiled_record_is_none_and_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / ".db.prunella.json").write_text(text)
    assert read_record(tmp_path, "db") == {}
    write_record(tmp_path, "db", "database", ok=True)
    assert read_record(tmp_path, "db")["database"].ok


def test_what_a_newer_version_wrote_is_left_out(tmp_path: Path) -> None:
    text = json.dumps({"database": {"ok": True, "colour": "green"}})
    (tmp_path / ".db.prunella.json").write_text(text)
    assert read_record(tmp_path, "db") == {"database": Runs(ok=True)}


def test_a_record_is_ours_alone(tmp_path: Path) -> None:
    write_record(tmp_path, "db", "database", reason="where things are")
    assert (tmp_path / ".db.prunella.json").stat().st_mode & 0o777 == 0o600


COUNTS = st.dictionaries(st.text(min_size=1, max_size=20), st.integers(0, 1 << 60), max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(COUNTS, COUNTS, st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=4))
def test_a_manifest_comes_back_as_it_was(
    tmp_path: Path, tables: dict[str, int], others: dict[str, int], database: dict[str, str]
) -> None:
    manifest = Manifest("db", "database", "2026-05-28T20:26:40Z", tables, others, database)
    write_manifest(tmp_path / "dump", manifest)
    assert read_manifest(tmp_path / "dump") == manifest
    assert manifest.rows == sum(tables.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"target": "db"}',
        json.dumps({"target": 1, "kind": 2, "at": 3, "tables": 4}),
    ],
)
def test_without_its_manifest_nobody_knows_what_was_in_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "dump.manifest.json").write_text(text)
    with pytest.raises(Disproved, match="nobody knows what was in dump"):
        read_manifest(tmp_path / "dump")


def test_what_lies_there_is_listed_newest_first_with_its_stamp(tmp_path: Path) -> None:
    older, newer = made(tmp_path, AT, verified=True), made(tmp_path, AT + 60)
    for other in (f"{newer}.partial", f"{newer}.sha256", "notes.txt", ".db.lock"):
        (tmp_path / other).write_text("x")
    found = listed(tmp_path, "db")
    assert [one.name for one in found] == [newer, older]
    assert [one.size for one in found] == [10, 10]
    assert [one.verified_at > 0 for one in found] == [False, True]


def test_a_directory_that_is_gone_raises_and_shows_as_a_problem(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        listed(tmp_path / "gone", "db")
    shown = look("db", facet_of(tmp_path / "gone"), None)
    assert "No such file" in shown.problem
    assert (shown.backups, shown.free) == ((), None)
    assert shown.runs == {Kind.CONFIG: Runs()}


def test_pruning_lets_go_of_what_is_old_of_these_kinds_alone(tmp_path: Path) -> None:
    for days in (1, 40, 50):
        for kind in (Kind.DATABASE, Kind.CONFIG):
            made(tmp_path, AT - days * DAY, kind)
    facet = facet_of(tmp_path, keep="30d", keep_last=1)
    gone = prune(tmp_path, "db", facet, (Kind.DATABASE,), AT)
    assert [name.split("-")[1] for name in gone] == ["database", "database"]
    assert len(listed(tmp_path, "db")) == 4


def test_pruning_keeps_what_was_proven_last_whatever_its_age(tmp_path: Path) -> None:
    made(tmp_path, AT - DAY)
    proven = made(tmp_path, AT - 300 * DAY, verified=True)
    made(tmp_path, AT - 400 * DAY, verified=True)
    prune(tmp_path, "db", facet_of(tmp_path, keep="30d", keep_last=1), tuple(Kind), AT)
    assert [one.name for one in listed(tmp_path, "db")][-1] == proven


def test_what_the_record_has_lost_is_read_from_the_files(tmp_path: Path) -> None:
    name = made(tmp_path, AT, Kind.CONFIG, verified=True)
    runs = look("db", facet_of(tmp_path), None).runs[Kind.CONFIG]
    assert (runs.ok, runs.success, runs.size, runs.file) == (True, AT, 10, name)
    assert runs.verified > 0


def test_a_run_that_failed_is_not_made_good_by_a_file_that_was_there_before(tmp_path: Path) -> None:
    made(tmp_path, AT, Kind.CONFIG)
    write_record(tmp_path, "db", "config", attempt=AT + 60, ok=False, reason="full")
    runs = look("db", facet_of(tmp_path), None).runs[Kind.CONFIG]
    assert (runs.ok, runs.success, runs.reason) == (False, AT, "full")


def test_for_others_times_are_words_and_never_is_nothing(tmp_path: Path) -> None:
    name = made(tmp_path, AT, Kind.CONFIG)
    facet = facet_of(tmp_path, s3=[{"bucket": "b"}])
    said = as_json("db", facet, look("db", facet, None))
    assert said["stores"] == [str(tmp_path), "s3://b/"]
    (row,) = said["backups"]
    assert (row["name"], row["at"], row["verified_at"]) == (name, "2026-05-28T20:26:40Z", None)
    json.dumps(said)


@pytest.mark.parametrize(
    ("at", "said"),
    [(0.0, None), (AT, "2026-05-28T20:26:40Z"), (AT + 0.9, "2026-05-28T20:26:40Z"), (1e300, None)],
)
def test_a_moment_is_said_as_the_api_says_it(at: float, said: str | None) -> None:
    assert moment(at) == said


def test_the_database_has_the_targets_own_name() -> None:
    assert [label("db", kind) for kind in Kind] == ["db", "db-export", "db-config", "db-redis"]
