from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.backups import (
    Backup,
    Kind,
    contents,
    differences,
    file_name,
    newest,
    parse_name,
    prunable,
)

DAY = 86400.0
NOW = 1_780_000_000.0
LISTING = """;
; Archive created at 2026-11-22
;
215; 1259 16385 TABLE public orders prunella
3350; 0 16385 TABLE DATA public orders prunella
3351; 0 16390 TABLE DATA odd schema Ta"ble é a role
3352; 0 0 BLOBS - BLOBS
"""


def a_backup(days: float, kind: Kind = Kind.DATABASE, verified: bool = False) -> Backup:
    at = NOW - days * DAY
    return Backup(f"db-{kind}-{days:g}", "db", kind, at, verified_at=at + 60 if verified else 0.0)


def gone(*backups: Backup, keep: float = 30 * DAY, keep_last: int = 1) -> list[str]:
    return [one.name for one in prunable(backups, keep=keep, keep_last=keep_last, now=NOW)]


def test_a_name_says_what_it_is_and_when_it_was_made() -> None:
    assert file_name("db", Kind.DATABASE, 1_780_000_000.9) == "db-database-20260528T202640Z.dump"
    found = parse_name("db", "db-database-20260528T202640Z.dump")
    assert found is not None
    assert (found.kind, found.at, found.encrypted) == (Kind.DATABASE, 1_780_000_000, False)


@given(
    st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True), st.sampled_from(Kind), st.booleans()
)
def test_what_is_named_is_found_again(target: str, kind: Kind, encrypted: bool) -> None:
    found = parse_name(target, file_name(target, kind, NOW, encrypted=encrypted))
    assert found is not None
    assert (found.kind, found.at, found.encrypted) == (kind, NOW, encrypted)


@pytest.mark.parametrize(
    "name",
    [
        "db-database-20260528T202640Z.dump.partial",
        "db-database-20260528T202640Z.dump.sha256",
        "db-database-20260528T202640Z.jsonl.zst",
        "db-database-20261328T202640Z.dump",
        "other-database-20260528T202640Z.dump",
        "xdb-database-20260528T202640Z.dump",
        "db.dump",
    ],
)
def test_what_is_no_backup_of_the_target_is_not_taken_for_one(name: str) -> None:
    assert parse_name("db", name) is None


def test_what_is_old_enough_goes_but_for_the_last_ones() -> None:
    assert gone(a_backup(1), a_backup(31), a_backup(40), keep_last=2) == ["db-database-40"]
    assert gone(a_backup(50), a_backup(60)) == ["db-database-60"]


def test_what_is_young_stays_however_many_there_are() -> None:
    assert gone(*(a_backup(day / 10) for day in range(200))) == []


def test_the_last_one_that_was_proven_never_goes() -> None:
    proven, before = a_backup(90, verified=True), a_backup(100, verified=True)
    assert gone(a_backup(1), proven, before, a_backup(80)) == ["db-database-100", "db-database-80"]


def test_each_kind_keeps_its_own_last_ones() -> None:
    assert gone(a_backup(40), a_backup(50, Kind.EXPORT)) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.sampled_from(Kind), st.booleans()),
        max_size=30,
        unique_by=lambda made: made[:2],
    ),
    st.integers(1, 5),
)
def test_something_of_every_kind_always_stays(
    made: list[tuple[int, Kind, bool]], keep_last: int
) -> None:
    backups = [a_backup(days, kind, verified) for days, kind, verified in made]
    taken = prunable(backups, keep=30 * DAY, keep_last=keep_last, now=NOW)
    for kind in Kind:
        own = [one for one in backups if one.kind is kind]
        left = [one for one in own if one not in taken]
        assert len(left) >= min(len(own), keep_last)
    assert all(NOW - one.at > 30 * DAY for one in taken)


def test_the_newest_is_of_its_kind() -> None:
    found = newest([a_backup(3), a_backup(2), a_backup(1, Kind.CONFIG)], Kind.DATABASE)
    assert found is not None
    assert found.name == "db-database-2"
    assert newest([], Kind.DATABASE) is None


def test_a_listing_is_read_against_the_tables_that_must_be_in_it() -> None:
    tables = [("public", "orders"), ("odd schema", 'Ta"ble é'), ("public", "order")]
    found = contents(LISTING, tables)
    assert (found.objects, found.missing) == (4, ("public.order",))


def test_differences_are_said_table_by_table_and_not_without_end() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 2}) == ""
    assert differences({"a": 1000, "b": 2}, {"a": 999, "c": 3}) == (
        "a: 999 instead of 1,000; b: none instead of 2; c: 3 instead of none"
    )
    assert differences({str(n): 1 for n in range(9)}, {}).endswith(" and 4 more")
