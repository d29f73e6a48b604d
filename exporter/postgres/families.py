"""A snapshot under the names that postgres_exporter gave its parts, and under ours where it has none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import add

from exporter.lines import Lines, Source, sheets
from exporter.postgres.columns import CONFLICTS, DATABASE, STATEMENTS, WRITER, Column
from exporter.postgres.names import (
    DATABASES,
    IN_TRANSACTION,
    LABELS,
    MODES,
    OF_ARCHIVER,
    SERVER,
    SPECS,
    STATES,
)
from exporter.postgres.snapshot import Figures, Part, Snapshot
from prunella.cardinality import Bounded

SESSIONS, TRANSACTION, UNCHANGED, BLOCKED = range(4)  # a `session`'s figures
NOBODY = (0.0, 0.0, 0.0, 0.0)

Named = Sequence[tuple[str, str]]  # a database's name, and what it is told as


sheet = sheets(SPECS, LABELS)  # every family of all servers


def said(seen: Iterable[tuple[Source, Snapshot | None]]) -> Lines:
    """What all servers say; one that gave no answer has `pg_up 0` and nothing else."""
    lines: Lines = defaultdict(list)
    for source, snapshot in seen:
        source.add(lines, "pg_up", float(snapshot is not None))
        if snapshot is not None:
            _read(source, snapshot, lines)
    return lines


def _read(source: Source, snapshot: Snapshot, lines: Lines) -> None:
    server = snapshot.server
    for name, figure in SERVER.items():
        if (value := figure(server)) is not None:
            source.add(lines, name, value)
    version = (("version", server.version), ("short_version", server.number))
    source.add(lines, "pg_static", 1.0, *version)
    named = _named(snapshot)
    if server.privileged:
        _sessions(source, snapshot.part("session"), named, lines)
    _columns(source, snapshot.part("database"), DATABASE, lines)
    _columns(source, snapshot.part("conflict"), CONFLICTS, lines)
    _locks(source, snapshot.part("lock"), named, lines)
    _sizes(source, snapshot, lines)
    _replication(source, snapshot, lines)
    _writers(source, snapshot, lines)
    _settings(source, snapshot, lines)
    _statements(source, snapshot, lines)


def _named(snapshot: Snapshot) -> Named:
    """In the order in which they were made, so that the same ones are told apart at each scrape."""
    bound = Bounded("pg_stat_activity_count", DATABASES)
    rows = sorted(snapshot.part("database"), key=_age)
    return [(datname, bound(datname)) for _, datname, _ in rows if datname is not None]


def _age(row: tuple[str | None, str | None, Figures]) -> int:
    return int(row[0] or 0)


def _sessions(source: Source, part: Part, named: Named, lines: Lines) -> None:
    """Of others' sessions, so only where we may see them."""
    oldest = max((figures[TRANSACTION] or 0.0 for _, _, figures in part), default=0.0)
    idle = [figures[UNCHANGED] or 0.0 for _, state, figures in part if state in IN_TRANSACTION]
    blocked = sum(figures[BLOCKED] or 0.0 for _, _, figures in part)
    source.add(lines, "prunella_postgres_oldest_transaction_seconds", oldest)
    source.add(lines, "prunella_postgres_oldest_idle_in_transaction_seconds", max(idle, default=0.0))  # fmt: skip
    source.add(lines, "prunella_postgres_blocked_sessions", blocked)
    _activity(source, part, named, lines)


def _activity(source: Source, part: Part, named: Named, lines: Lines) -> None:
    found: dict[str | None, dict[str | None, Figures]] = defaultdict(dict)
    for first, state, figures in part:
        found[first][state] = figures
    counts: dict[str, list[float]] = {}
    ages: dict[str, list[float]] = {}
    for datname, told in named:
        its = [found[datname].get(state, NOBODY) for state in STATES]
        number = [figures[SESSIONS] or 0.0 for figures in its]
        age = [figures[TRANSACTION] or 0.0 for figures in its]
        if told in counts:  # one of many that are not told apart
            number = [*map(add, number, counts[told])]
            age = [*map(max, age, ages[told])]
        counts[told], ages[told] = number, age
    _spread(source, lines, ("pg_stat_activity_count", "state", STATES), counts)
    _spread(source, lines, ("pg_stat_activity_max_tx_duration", "state", STATES), ages)


def _spread(
    source: Source,
    lines: Lines,
    series: tuple[str, str, Sequence[str]],
    values: Mapping[str, Sequence[float]],
) -> None:
    """For each database a series for each value of the other label."""
    family, label, told_apart = series
    its = lines[family]
    for datname, figures in values.items():
        begins = source.spread(family, label, told_apart, ("datname", datname))
        its += [f"{begin}{value!r}\n" for begin, value in zip(begins, figures, strict=True)]


def _columns(source: Source, part: Part, columns: Sequence[Column], lines: Lines) -> None:
    """A series for each column of what has a row for each database."""
    view, families = columns[0].view, [column.family for column in columns]
    bound = Bounded(view, DATABASES)
    several: dict[tuple[str, str], Figures] = {}
    for datid, datname, figures in sorted(part, key=_age):
        name = datname or ""
        told = bound(name)
        key = (datid or "") if told == name else "", told
        several[key] = _sum(several[key], figures) if key in several else figures
    for (datid, told), figures in several.items():
        begins = source.begins(view, families, ("datid", datid), ("datname", told))
        for family, begin, value in zip(families, begins, figures, strict=True):
            if value is not None:
                lines[family].append(f"{begin}{value!r}\n")


def _sum(one: Figures, other: Figures) -> Figures:
    return [a if b is None else b + (a or 0.0) for a, b in zip(one, other, strict=True)]


def _locks(source: Source, part: Part, named: Named, lines: Lines) -> None:
    found: dict[str | None, dict[str | None, float | None]] = defaultdict(dict)
    for first, mode, figures in part:
        found[first][mode] = figures[0]
    counts: dict[str, list[float]] = {}
    for datname, told in named:
        its = found[datname]
        number = [its.get(mode) or 0.0 for mode in MODES]
        counts[told] = [*map(add, number, counts[told])] if told in counts else number
    _spread(source, lines, ("pg_locks_count", "mode", MODES), counts)


def _sizes(source: Source, snapshot: Snapshot, lines: Lines) -> None:
    bound = Bounded("pg_database_size_bytes", DATABASES)
    sizes: dict[str, float] = {}
    for row in snapshot.sizes:
        told = bound(row["datname"])
        sizes[told] = sizes.get(told, 0.0) + row["size"]
    for told, size in sizes.items():
        source.add(lines, "pg_database_size_bytes", size, ("datname", told))


def _replication(source: Source, snapshot: Snapshot, lines: Lines) -> None:
    for (slot, database), (active, behind) in _together(snapshot.part("slot"), "slots"):
        labels = ("slot_name", slot), ("database", database)
        source.add(lines, "pg_replication_slots_active", active or 0.0, *labels)
        if behind is not None:
            source.add(lines, "pg_replication_slots_pg_wal_lsn_diff", behind, *labels)
    for (named, state), (behind,) in _together(snapshot.part("replica"), "replicas"):
        application, _, client = named.partition("\x01")
        # `slot_name` is postgres_exporter's, in which it means nothing
        labels_of = (
            ("application_name", application),
            ("client_addr", client),
            ("slot_name", ""),
            ("state", state),
        )
        if behind is not None:
            source.add(lines, "pg_stat_replication_pg_wal_lsn_diff", behind, *labels_of)


def _together(part: Part, what: str) -> Iterator[tuple[tuple[str, str], Figures]]:
    """What is not told apart as one."""
    bound = Bounded(f"pg_replication_{what}", DATABASES)
    several: dict[tuple[str, str], Figures] = {}
    for first, second, figures in part:
        key = bound(first or ""), second or ""
        several[key] = _sum(several[key], figures) if key in several else figures
    yield from several.items()


def _writers(source: Source, snapshot: Snapshot, lines: Lines) -> None:
    for _, _, figures in snapshot.part("writer"):
        for name, value in zip((*WRITER, "stats_reset"), figures, strict=True):
            if value is not None:
                source.add(lines, f"pg_stat_bgwriter_{name}_total", value)
    for _, _, figures in snapshot.part("archiver"):
        for name, value in zip(OF_ARCHIVER, figures, strict=True):
            if value is not None:
                source.add(lines, name, value)


def _settings(source: Source, snapshot: Snapshot, lines: Lines) -> None:
    for name, value in snapshot.settings:
        source.add(lines, name, value)


def _statements(source: Source, snapshot: Snapshot, lines: Lines) -> None:
    for row in snapshot.statements:
        labels = [(name, row[name]) for name in ("user", "datname", "queryid")]
        for column, (metric, _) in STATEMENTS.items():
            source.add(lines, f"pg_stat_statements_{metric}", row[column], *labels)
