from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client.metrics_core import Metric

from exporter import page
from exporter.lines import Source
from exporter.postgres.columns import DATABASE, SETTINGS, SUFFIX, WRITER
from exporter.postgres.families import said, sheet
from exporter.postgres.snapshot import Part, Row, Server, Snapshot, setting
from tests.exporter.reading import names, samples, value

SERVER: Mapping[str, Any] = {
    "version": "PostgreSQL 15.18", "number": "15.18.0", "max_connections": 100.0,
    "superuser_reserved": 3.0, "reserved": None, "privileged": 1.0, "started": 1.0,
    "is_replica": 0.0, "lag": 0.0,
}  # fmt: skip
COLUMNS = {"numbackends": 1.0, "xact_commit": 10.0}


def snapshot(
    databases: int = 1, parts: Mapping[str, Part] | None = None, **server: Any
) -> Snapshot:
    figures = [COLUMNS.get(column.name) for column in DATABASE]
    named = [f"db{number}" for number in range(databases)]
    made: dict[str, Part] = {
        "database": [(str(number), name, figures) for number, name in enumerate(named)],
        "session": [(name, "idle", [2.0, float(n), 0.0, 1.0]) for n, name in enumerate(named)],
        **(parts or {}),
    }
    return Snapshot(Server(**{**SERVER, **server}), made)


def shown(*snapshots: Snapshot | None) -> list[Metric]:
    keyed = [
        (Source((("name", f"s{n}"), ("service", "shop"))), one) for n, one in enumerate(snapshots)
    ]
    return list(sheet(said(keyed)).families())


def test_one_without_an_answer_is_down_and_says_nothing_else() -> None:
    found = shown(snapshot(), None)
    assert value(found, "pg_up", name="s0") == 1
    assert value(found, "pg_up", name="s1") == 0
    for name in names(found) - {"pg_up"}:
        assert not [s for s in samples(found, name) if s.labels["name"] == "s1"], name


def test_reserved_connections_are_taken_off_where_the_server_has_them() -> None:
    assert value(shown(snapshot()), "prunella_postgres_usable_connections") == 97
    newer = shown(snapshot(reserved=5.0))
    assert value(newer, "prunella_postgres_usable_connections") == 92
    assert value(newer, "pg_settings_reserved_connections") == 5


def test_blocked_sessions_are_summed_and_the_oldest_transaction_is_the_oldest_of_all() -> None:
    found = shown(snapshot(databases=4))
    assert value(found, "prunella_postgres_blocked_sessions") == 4
    assert value(found, "prunella_postgres_oldest_transaction_seconds") == 3


def test_how_long_a_session_idles_counts_only_within_a_transaction() -> None:
    sessions: Part = [
        ("db0", "idle", [1.0, 0.0, 900.0, 0.0]),
        ("db0", "idle in transaction", [1.0, 60.0, 45.0, 0.0]),
        (None, None, [3.0, None, None, 0.0]),
    ]
    found = shown(snapshot(parts={"session": sessions}))
    assert value(found, "prunella_postgres_oldest_idle_in_transaction_seconds") == 45
    assert value(found, "pg_stat_activity_max_tx_duration", state="idle in transaction") == 60
    assert value(found, "pg_stat_activity_count", state="active") == 0


def test_what_cannot_be_seen_is_left_out() -> None:
    found = shown(snapshot(privileged=0.0))
    assert value(found, "prunella_postgres_privileged") == 0
    assert "pg_stat_activity_count" not in names(found)
    assert value(found, "pg_stat_database_numbackends", datname="db0") == 1


def test_more_databases_than_can_be_told_apart_are_one() -> None:
    found = shown(snapshot(databases=150))
    for name in ("pg_stat_database_xact_commit", "pg_stat_database_numbackends"):
        assert len(samples(found, name)) == 101
    assert value(found, "pg_stat_database_xact_commit", datname="other", datid="") == 500
    assert value(found, "pg_stat_activity_count", datname="other", state="idle") == 100
    oldest = value(found, "pg_stat_activity_max_tx_duration", datname="other", state="idle")
    assert oldest == 149
    assert len(samples(found, "pg_locks_count")) == 101 * 9


def test_more_slots_and_replicas_than_can_be_told_apart_are_one() -> None:
    slots: Part = [(f"slot{n}", "", [1.0, 5.0]) for n in range(150)]
    replicas: Part = [(f"app{n}\x0110.0.0.1", "streaming", [7.0]) for n in range(150)]
    found = shown(snapshot(parts={"slot": slots, "replica": replicas}))
    assert value(found, "pg_replication_slots_pg_wal_lsn_diff", slot_name="other") == 250
    lags = samples(found, "pg_stat_replication_pg_wal_lsn_diff")
    assert len(lags) == 101
    assert lags[0].labels["client_addr"] == "10.0.0.1"


def test_a_setting_has_its_base_unit_and_minus_one_is_left_as_it_is() -> None:
    settings: list[Row] = [
        {"name": "work_mem", "unit": "kB", "value": 4096.0},
        {"name": "checkpoint_timeout", "unit": "min", "value": 5.0},
        {"name": "wal_keep_size", "unit": "MB", "value": -1.0},
    ]
    found = shown(Snapshot(Server(**SERVER), {}, settings=[setting(row) for row in settings]))
    assert value(found, "pg_settings_work_mem_bytes") == 4 << 20
    assert value(found, "pg_settings_checkpoint_timeout_seconds") == 300
    assert value(found, "pg_settings_wal_keep_size_bytes") == -1


def test_what_a_version_does_not_have_is_absent() -> None:
    figures = [None if name.startswith("buffers_backend") else 1.0 for name in WRITER]
    found = shown(snapshot(parts={"writer": [(None, None, [*figures, 5.0])]}))
    assert "pg_stat_bgwriter_buffers_backend_total" not in names(found)
    assert value(found, "pg_stat_bgwriter_checkpoints_timed_total") == 1
    assert value(found, "pg_stat_bgwriter_stats_reset_total") == 5


def test_statements_are_told_by_their_id() -> None:
    row = {
        "user": "shop",
        "datname": "db0",
        "queryid": "-7",
        "calls": 3.0,
        "seconds": 1.5,
        "rows": 9.0,
    }
    found = shown(Snapshot(Server(**SERVER), {}, statements=[row]))
    labels = {"user": "shop", "datname": "db0", "queryid": "-7"}
    assert value(found, "pg_stat_statements_seconds_total", **labels) == 1.5
    assert value(found, "pg_stat_statements_rows_total", **labels) == 9


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
    assert {f"pg_stat_database_{column.name}" for column in DATABASE} <= {f.name for f in found}


def test_every_setting_that_can_be_shown_is_a_family_before_a_server_was_asked() -> None:
    known = {family.name for family in shown()}
    assert {f"pg_settings_{name}{SUFFIX.get(name, '')}" for name in SETTINGS} <= known


def test_every_family_says_what_it_is() -> None:
    for family in shown(snapshot()):
        assert family.documentation.endswith("."), family.name
