from __future__ import annotations

from typing import Any

from prometheus_client.metrics_core import Metric

from exporter import page
from exporter.postgres.families import COUNTERS, families
from exporter.postgres.snapshot import Snapshot
from tests.exporter.reading import names, samples, value

SERVER = {
    "max_connections": 100, "superuser_reserved": 3, "reserved": None, "privileged": True,
    "started": 1.0, "is_replica": False, "lag": 0.0,
}  # fmt: skip


def snapshot(databases: int = 1, **server: Any) -> Snapshot:
    rows = [
        {"datid": number, "datname": f"db{number}", "numbackends": 1, "xact_commit": 10}
        for number in range(databases)
    ]
    sessions = [
        {"datname": row["datname"], "state": "idle", "sessions": 2, "transaction": float(n), "unchanged": 0.0, "blocked": 1}
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return Snapshot({**SERVER, **server}, sessions, rows, (), (), ())


def shown(*snapshots: Snapshot | None) -> list[Metric]:
    keyed = [((f"s{n}", "shop"), one) for n, one in enumerate(snapshots)]
    return list(families(("name", "service"), keyed))


def test_one_without_an_answer_is_down_and_says_nothing_else() -> None:
    found = shown(snapshot(), None)
    assert value(found, "pg_up", name="s0") == 1
    assert value(found, "pg_up", name="s1") == 0
    for name in names(found) - {"pg_up"}:
        assert not [s for s in samples(found, name) if s.labels["name"] == "s1"], name


def test_reserved_connections_are_taken_off_where_the_server_has_them() -> None:
    assert value(shown(snapshot()), "prunella_postgres_usable_connections") == 97
    newer = shown(snapshot(reserved=5))
    assert value(newer, "prunella_postgres_usable_connections") == 92
    assert value(newer, "pg_settings_reserved_connections") == 5


def test_blocked_sessions_are_summed_and_the_oldest_transaction_is_the_oldest_of_all() -> None:
    found = shown(snapshot(databases=4))
    assert value(found, "prunella_postgres_blocked_sessions") == 4
    assert value(found, "prunella_postgres_oldest_transaction_seconds") == 3


def test_what_cannot_be_seen_is_left_out() -> None:
    found = shown(snapshot(privileged=False))
    assert value(found, "prunella_postgres_privileged") == 0
    assert "pg_stat_activity_count" not in names(found)
    assert value(found, "pg_stat_database_numbackends", datname="db0") == 1


def test_more_databases_than_can_be_told_apart_are_one() -> None:
    found = shown(snapshot(databases=150))
    for name in ("pg_stat_database_xact_commit", "pg_stat_database_numbackends"):
        assert len(samples(found, name)) == 101
    assert value(found, "pg_stat_database_xact_commit", datname="other") == 500
    assert value(found, "pg_stat_activity_count", datname="other", state="idle") == 100
    oldest = value(found, "pg_stat_activity_max_tx_duration", datname="other", state="idle")
    assert oldest == 149


def test_a_counter_keeps_its_owners_name_in_both_formats() -> None:
    text, _ = page.metrics(shown(snapshot()), "", "")
    assert b"# TYPE pg_stat_database_xact_commit counter\n" in text
    assert b'pg_stat_database_xact_commit{datid="0",datname="db0"' in text
    newer, _ = page.metrics(shown(snapshot()), "application/openmetrics-text", "")
    assert b"# TYPE pg_stat_database_xact_commit unknown\n" in newer
    assert b"xact_commit_total" not in text + newer


def test_a_column_that_the_server_does_not_have_is_no_series() -> None:
    found = shown(snapshot())
    assert "pg_stat_database_deadlocks" not in names(found)
    assert {f"pg_stat_database_{column}" for column in COUNTERS} <= {f.name for f in found}


def test_every_family_says_what_it_is() -> None:
    for family in shown(snapshot()):
        assert family.documentation.endswith("."), family.name
