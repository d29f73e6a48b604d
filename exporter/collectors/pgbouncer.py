"""pgbouncer under pgbouncer_exporter's names: what its console shows of pools, databases, totals, lists and limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from prometheus_client.metrics_core import Metric
from pydantic import AfterValidator, Field

from exporter.collectors.base import Collected, Kind, World, ahead_of, entries
from exporter.families import Row, counter, gauge, totals
from exporter.kept import NoAnswerError
from exporter.pgbouncer.console import Console, Rows, address, kept
from exporter.pgbouncer.messages import ConsoleError
from exporter.tls_options import check_libpq
from prunella.cardinality import OTHER, Bounded
from prunella.service.settings import Secret, Settings

LABELS = ("pgbouncer", "service")  # `name` is a database's in pgbouncer_exporter's names
DATABASES, POOLS = 100, 300  # of one pgbouncer that are told apart

POOL_COLUMNS: Mapping[str, tuple[str, str]] = {
    "cl_active": ("client_active_connections", "Clients that are linked to a server connection or idle."),
    "cl_waiting": ("client_waiting_connections", "Clients that have sent a query and wait for a server connection."),
    "cl_active_cancel_req": ("client_active_cancel_connections", "Clients whose cancellation is on its way to the server."),
    "cl_waiting_cancel_req": ("client_waiting_cancel_connections", "Clients whose cancellation waits to be sent."),
    "sv_active": ("server_active_connections", "Server connections that are linked to a client."),
    "sv_active_cancel": ("server_active_cancel_connections", "Server connections that carry a cancellation."),
    "sv_being_canceled": ("server_being_canceled_connections", "Server connections that wait for cancellations to be done."),
    "sv_idle": ("server_idle_connections", "Server connections that are free."),
    "sv_used": ("server_used_connections", "Server connections that have to be checked before they are used again."),
    "sv_tested": ("server_testing_connections", "Server connections that are being checked or reset."),
    "sv_login": ("server_login_connections", "Server connections that are logging in."),
    "maxwait": ("client_maxwait_seconds", "How long the client at the head of the line has waited."),
}  # fmt: skip
DATABASE_LABELS = ("database", "force_user", "host", "pool_mode", "port")
DATABASE_COLUMNS: Mapping[str, tuple[str, str]] = {
    "pool_size": ("pool_size", "The most server connections of one pool."),
    "reserve_pool": ("reserve_pool", "Server connections on top of that in need."),
    "max_connections": ("max_connections", "The most server connections of the database, 0 for no limit."),
    "current_connections": ("current_connections", "Server connections of the database now."),
    "paused": ("paused", "Whether the database is paused."),
    "disabled": ("disabled", "Whether the database is disabled."),
}  # fmt: skip
MICROSECONDS = 1e-6
TOTAL_COLUMNS: Mapping[str, tuple[str, float, str]] = {
    "query_count": ("queries_pooled_total", 1.0, "Queries that went through."),
    "query_time": ("queries_duration_seconds_total", MICROSECONDS, "Time in which servers executed queries."),
    "bytes_received": ("received_bytes_total", 1.0, "Bytes received from clients."),
    "bytes_sent": ("sent_bytes_total", 1.0, "Bytes sent to clients."),
    "wait_time": ("client_wait_seconds_total", MICROSECONDS, "Time that clients waited for a server connection."),
    "xact_count": ("sql_transactions_pooled_total", 1.0, "Transactions that went through."),
    "xact_time": ("server_in_transaction_seconds_total", MICROSECONDS, "Time that server connections were in a transaction."),
    "client_parse_count": ("client_parses_total", 1.0, "Prepared statements that clients sent."),
    "server_parse_count": ("server_parses_total", 1.0, "Prepared statements that were sent to servers."),
    "bind_count": ("binds_total", 1.0, "Prepared statements that were made ready to be executed."),
}  # fmt: skip
LISTS: Mapping[str, tuple[str, str]] = {
    "databases": ("databases", "Databases that are configured or were asked for."),
    "users": ("users", "Users that are known."),
    "pools": ("pools", "Pools, one for each database and user."),
    "free_clients": ("free_clients", "Places for clients that are kept ready."),
    "used_clients": ("used_clients", "Clients that are connected."),
    "login_clients": ("login_clients", "Clients that are logging in."),
    "free_servers": ("free_servers", "Places for server connections that are kept ready."),
    "used_servers": ("used_servers", "Server connections that are there."),
    "dns_names": ("cached_dns_names", "Host names that are remembered."),
    "dns_zones": ("cached_dns_zones", "DNS zones that are remembered."),
    "dns_queries": ("in_flight_dns_queries", "DNS queries under way."),
}
LIMITS: Mapping[str, tuple[str, str]] = {
    "max_client_conn": ("config_max_client_connections", "The most clients at once."),
    "max_user_connections": ("config_max_user_connections", "The most server connections of one user, 0 for no limit."),
}  # fmt: skip

SHOWN = ("VERSION", "LISTS", "CONFIG", "DATABASES", "STATS_TOTALS", "POOLS")
QUESTIONS = tuple(f"SHOW {what}" for what in SHOWN)


def _console_url(url: Secret) -> Secret:
    try:
        address(url.get_secret_value())
    except ValueError:
        known = "postgresql://user:password@host:6432/pgbouncer"
        raise ValueError(f"must be {known}") from None
    check_libpq(url.get_secret_value())
    return url


class PgBouncerEntry(Settings):
    name: str = Field(min_length=1, max_length=200)
    url: Annotated[Secret, AfterValidator(_console_url)]
    service: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the console of one entry showed; `rows` are empty for what it refused."""

    rows: Mapping[str, Rows]


Seen = Sequence[tuple[tuple[str, str], Shown | None]]
Known = Sequence[tuple[tuple[str, str], Shown]]


class Server:
    """One entry and its connection."""

    def __init__(self, entry: PgBouncerEntry, service: str) -> None:
        self.labels = entry.name, entry.service or service
        self._kept = kept(entry.url.get_secret_value())

    async def look(self, until: float) -> tuple[Shown | None, str]:
        try:
            return await self._kept.ask(_shown, until), ""
        except NoAnswerError as error:
            return None, f"{self.labels[0]}: {error}"

    async def close(self) -> None:
        await self._kept.close()


async def _shown(console: Console) -> Shown:
    answers = await console.ask(*QUESTIONS)
    for answer in answers:
        if isinstance(answer, ConsoleError):
            raise answer  # a user of stats_users may ask all of it
    rows = [answer for answer in answers if not isinstance(answer, ConsoleError)]
    return Shown(dict(zip(SHOWN, rows, strict=True)))


def families(labels: Sequence[str], seen: Seen) -> Iterator[Metric]:
    """Every family over all entries; one that gave no answer has `pgbouncer_up 0` and nothing else."""
    up = [(key, float(shown is not None)) for key, shown in seen]
    yield gauge("pgbouncer_up", "Whether the console answered in time.", labels, up)
    known = [(key, shown) for key, shown in seen if shown is not None]
    versions = [
        ((*key, row.get("version") or ""), 1.0) for key, s in known for row in s.rows["VERSION"]
    ]
    text = "The version of pgbouncer; always 1."
    yield gauge("pgbouncer_version_info", text, (*labels, "version"), versions)
    yield from _named(labels, known, "LISTS", ("list", "items"), LISTS)
    yield from _named(labels, known, "CONFIG", ("key", "value"), LIMITS)
    yield from _databases(labels, known)
    yield from _totals(labels, known)
    yield from _pools(labels, known)


def _named(
    labels: Sequence[str],
    known: Known,
    what: str,
    columns: tuple[str, str],
    names: Mapping[str, tuple[str, str]],
) -> Iterator[Metric]:
    """Of what is shown a row a figure."""
    name_column, value_column = columns
    figures = [
        (key, {row.get(name_column): _number(row.get(value_column)) for row in s.rows[what]})
        for key, s in known
    ]
    for name, (metric, text) in names.items():
        rows = [(key, value) for key, its in figures if (value := its.get(name)) is not None]
        yield gauge(f"pgbouncer_{metric}", text, labels, rows)


def _databases(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    for column, (metric, text) in DATABASE_COLUMNS.items():
        rows: list[Row] = []
        for key, shown in known:
            bound = Bounded(f"pgbouncer_databases_{metric}", DATABASES)
            for row in shown.rows["DATABASES"]:
                value = _number(row.get(column))
                name = bound(row.get("name") or "")
                if value is not None and name != OTHER:  # sizes of several make no sense as a sum
                    rest = (row.get(label) or "" for label in DATABASE_LABELS)
                    rows.append(((*key, name, *rest), value))
        of = ("name", *DATABASE_LABELS)
        yield gauge(f"pgbouncer_databases_{metric}", text, (*labels, *of), rows)


def _totals(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    for column, (metric, unit, text) in TOTAL_COLUMNS.items():
        rows = [
            ((*key, bound(row.get("database") or "")), value * unit)
            for key, shown in known
            for bound in [Bounded(f"pgbouncer_stats_totals_{metric}", DATABASES)]
            for row in shown.rows["STATS_TOTALS"]
            if (value := _number(row.get(column))) is not None
        ]
        name = f"pgbouncer_stats_totals_{metric}"
        yield counter(name, text, (*labels, "database"), totals(rows))


def _pools(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    for column, (metric, text) in POOL_COLUMNS.items():
        rows: dict[tuple[str, ...], float] = {}
        for key, shown in known:
            bound = Bounded(f"pgbouncer_pools_{metric}", POOLS)
            for row in shown.rows["POOLS"]:
                value = _number(row.get(column))
                if value is None:
                    continue
                database, user = row.get("database") or "", row.get("user") or ""
                pair = (database, user) if bound(f"{database}\0{user}") != OTHER else (OTHER, OTHER)
                values = (*key, *pair)
                before = rows.get(values, 0.0)
                rows[values] = max(before, value) if column == "maxwait" else before + value
        name = f"pgbouncer_pools_{metric}"
        yield gauge(name, text, (*labels, "database", "user"), rows.items())


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


class PgBouncers:
    def __init__(self, options: Sequence[PgBouncerEntry], world: World) -> None:
        self._servers = [Server(entry, world.service) for entry in options]

    async def start(self) -> None: ...

    async def stop(self) -> None:
        await asyncio.gather(*(server.close() for server in self._servers))

    async def collect(self, deadline: float) -> Collected:
        until = ahead_of(deadline)
        looks = await asyncio.gather(*(server.look(until) for server in self._servers))
        seen = [(s.labels, shown) for s, (shown, _) in zip(self._servers, looks, strict=True)]
        problems = tuple(problem for _, problem in looks if problem)
        return Collected(tuple(families(LABELS, seen)), problems)

    def down(self) -> Iterable[Metric]:
        return families(LABELS, [(server.labels, None) for server in self._servers])


PGBOUNCER: Kind[Sequence[PgBouncerEntry]] = Kind(entries(PgBouncerEntry), PgBouncers)
