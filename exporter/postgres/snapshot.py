"""What one scrape learns of a PostgreSQL server."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from exporter.kept import NoAnswerError
from exporter.lines import RoundTrips
from exporter.postgres import sql
from exporter.postgres.columns import UNITS
from exporter.postgres.link import driver

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")
Row = Mapping[str, Any]
Settings = Sequence[tuple[str, float]]  # the metric's name and the value in base units
Figures = Sequence[float | None]
Part = Sequence[tuple[str | None, str | None, Figures]]

SIZES_EVERY = 300.0  # pg_database_size walks the files: most of the time that a scrape would cost
SETTINGS_EVERY = 60.0  # pg_settings makes all 350 of them to tell thirty
OLDEST = 11  # the version from which on all that is asked for is there


@dataclass(frozen=True, slots=True)
class Server:
    """What follows its version is in the order of `sql.SERVER`'s figures."""

    version: str  # in its own words
    number: str
    max_connections: float
    superuser_reserved: float
    reserved: float | None  # from 16 on
    privileged: float
    started: float
    is_replica: float
    lag: float | None

    @property
    def usable(self) -> float:
        """Connections that ordinary users can have."""
        return self.max_connections - self.superuser_reserved - (self.reserved or 0.0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    server: Server
    # no `session` when we are not privileged
    parts: Mapping[str, Part] = field(default_factory=dict)
    sizes: Sequence[Row] = ()
    settings: Settings = ()
    statements: Sequence[Row] = ()
    problem: str = ""  # why something is missing that was asked for

    def part(self, name: str) -> Part:
        return self.parts.get(name, ())


class Remembered(Generic[T]):
    """What is dear is asked for again only when it is due."""

    def __init__(self, every: float, nothing: T) -> None:
        self._every, self._nothing = every, nothing
        self._known, self._due = nothing, 0.0

    async def get(self, ask: Callable[[], Awaitable[T]]) -> T:
        now = asyncio.get_running_loop().time()
        if now >= self._due:
            self._due = now + self._every
            try:
                self._known = await ask()
            except driver().QueryCanceledError:
                self._known = self._nothing  # more than can be looked through in time
        return self._known


class Observer:
    """Takes the snapshots of one server."""

    def __init__(self, round_trip: RoundTrips, statements: int = 0) -> None:
        self._round_trip, self._most = round_trip, statements
        self._sizes: Remembered[Sequence[Row]] = Remembered(SIZES_EVERY, ())
        self._settings: Remembered[Settings] = Remembered(SETTINGS_EVERY, ())

    async def snapshot(self, connection: asyncpg.Connection) -> Snapshot:
        loop = asyncio.get_running_loop()
        number = connection.get_server_version()
        if number.major < OLDEST:
            raise NoAnswerError(f"PostgreSQL {number.major} is older than {OLDEST}")
        began = loop.time()
        await connection.fetchval("SELECT 1")
        self._round_trip.observe(loop.time() - began)
        parts: dict[str, list[tuple[str | None, str | None, Figures]]] = defaultdict(list)
        for part, first, second, figures in await connection.fetch(sql.scrape(number.major)):
            parts[part].append((first, second, figures))
        ((version, _, figures),) = parts.pop("server")
        # `micro` is what asyncpg calls the second of the server's two numbers
        shown = f"{number.major}.{number.micro}.0"
        statements, problem = await self._statements(connection, number.major)
        return Snapshot(
            Server(version or "", shown, *figures),  # type: ignore[arg-type]  # as many as it has fields
            parts=parts,
            sizes=await self._sizes.get(lambda: _rows(connection, sql.SIZES)),
            settings=await self._settings.get(lambda: _settings(connection)),
            statements=statements,
            problem=problem,
        )

    async def _statements(
        self, connection: asyncpg.Connection, version: int
    ) -> tuple[Sequence[Row], str]:
        if not self._most:
            return (), ""
        try:
            return await _rows(connection, sql.statements(version), self._most), ""
        except (driver().UndefinedTableError, driver().ObjectNotInPrerequisiteStateError):
            cure = "load pg_stat_statements (shared_preload_libraries) and CREATE EXTENSION it in the url's database"
            return (), f"no statistics of statements: {cure}"


async def _rows(connection: asyncpg.Connection, statement: str, *values: object) -> Sequence[Row]:
    return [dict(record) for record in await connection.fetch(statement, *values)]


async def _settings(connection: asyncpg.Connection) -> Settings:
    return [setting(row) for row in await _rows(connection, sql.SETTINGS_NOW)]


def setting(row: Row) -> tuple[str, float]:
    """Under its name, and -1 (none, or automatic) as it is."""
    suffix, unit = UNITS.get(row["unit"], ("", 1.0))
    value = row["value"] if row["value"] == -1 else row["value"] * unit
    return f"pg_settings_{row['name']}{suffix}", value
