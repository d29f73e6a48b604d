"""The `postgres` facet: which server, whose sessions may be ended there, which rows may go."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, StringConstraints

from prunella.service.settings import Duration, Settings
from receiver.postgres_url import PostgresUrl
from receiver.stores.identifiers import ColumnName, Reference, RoleName, TableName

# what Prisma writes into a DATABASE_URL for itself; the server would refuse the login for them
_PRISMA = frozenset(
    {
        *("schema", "connection_limit", "pool_timeout", "connect_timeout", "socket_timeout"),
        *("pgbouncer", "statement_cache_size", "sslaccept", "sslidentity"),
    }
)
Text = Annotated[str, StringConstraints(min_length=1, max_length=63)]


class SessionsTable(Settings):
    """The application's own sessions: a row of `table` whose `expires` has passed is stale, one without is not.

    `expires` is a timestamp, a date, or a number with its `unit` (`s` or `ms` since 1970). A timestamp without time
    zone is read in `time_zone`; without that a row goes only when it has expired by UTC and by the server's zone.
    """

    table: TableName
    expires: ColumnName
    unit: Literal["s", "ms"] | None = None
    time_zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")] | None = None
    cascade: bool = False


class Orphans(Settings):
    """Rows of `table` whose `column` names a row that `references` does not hold; NULL names none and is no orphan.

    A row that is written before the one it names, in a transaction of its own, is an orphan until then.
    """

    table: TableName
    column: ColumnName
    references: Reference
    cascade: bool = False

    @property
    def named(self) -> str:
        """As an operator says it."""
        return f"{self.table}.{self.column} → {self.references}"


class PostgresFacet(Settings):
    """A PostgreSQL server (13 or newer), as `url` reaches it; give the receiver a role of its own there.

    `users` are the roles whose sessions may be ended, in the url's database or in `databases`; programs named in
    `protect` are spared. Privileges: `CREATE ROLE prunella LOGIN PASSWORD '…';` and, to end sessions and queries,
    `GRANT pg_read_all_stats, pg_signal_backend TO prunella;`, to heal `GRANT SELECT, UPDATE, DELETE ON sessions,
    comments TO prunella;` (a row is locked before it goes, for which PostgreSQL asks UPDATE) and for what is
    referenced `GRANT SELECT ON posts TO prunella;`.
    """

    url: PostgresUrl
    users: tuple[RoleName, ...] = ()
    databases: tuple[Text, ...] = ()
    protect: tuple[Text, ...] = (
        *("pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup"),
        *("vacuumdb", "reindexdb", "clusterdb", "pgbackrest", "barman"),
    )
    sessions: SessionsTable | None = None
    orphans: tuple[Orphans, ...] = ()
    connect_timeout: Annotated[Duration, Field(gt=0, le=60)] = 5.0
    statement_timeout: Annotated[Duration, Field(gt=0, le=3600)] = 30.0
    lock_timeout: Annotated[Duration, Field(gt=0, le=3600)] = 5.0

    @property
    def named(self) -> str:
        """The address without user, password and options."""
        parts = urlsplit(self.url.get_secret_value())
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def dialled(self) -> str:
        """The url without what only the application's own library reads in it."""
        address, _, options = self.url.get_secret_value().partition("?")
        kept = [pair for pair in options.split("&") if pair.partition("=")[0] not in _PRISMA]
        return f"{address}?{'&'.join(kept)}" if options and kept else address

    def without_secrets(self, text: str) -> str:
        """The text without the password, should a driver ever repeat it."""
        netloc = urlsplit(self.url.get_secret_value()).netloc
        password = netloc.rpartition("@")[0].partition(":")[2]
        for secret in {password, unquote(password)} - {""}:
            text = text.replace(secret, "…")
        return text
