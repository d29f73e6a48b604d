"""How a connection is made, what it may wait for, and which of its errors mean that the journal is gone.

Every wait has an end: a receiver that was stopped in the middle of a transaction loses it on the server, and a server
that hangs is given up by the client, so that nobody ever waits for somebody else's death.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import asyncpg

from receiver.journal import JournalUnavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
# of our own, or lent by the pool
Database: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)
SCHEMA = "prunella"
CONNECT = 5.0  # seconds for one attempt
STATEMENT = 15.0  # what the client waits for one answer; the server gives up sooner and says why
SETTINGS = {
    "application_name": "prunella-receiver",
    "search_path": SCHEMA,
    "statement_timeout": "12s",
    "lock_timeout": "8s",
    "idle_in_transaction_session_timeout": "4s",  # whoever is stopped in a transaction holds up all others
    "tcp_user_timeout": "10s",
    "jit": "off",
}
# what one request may do wrong by itself; anything else means that the journal cannot be used now
_OWN_FAULT = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.RaiseError,
    asyncpg.ProgramLimitExceededError,
)
TROUBLE = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the journal is. Only `named` is ever shown."""

    url: str = field(repr=False)

    @property
    def named(self) -> str:
        """The address without user, password and options."""
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    async def connect(self) -> Connection:
        """A connection for one owner. Raises what `translated` reads."""
        db = await asyncpg.connect(
            self.url, timeout=CONNECT, command_timeout=STATEMENT, server_settings=SETTINGS
        )
        await make_durable(db)
        return db

    async def pool(self, size: int) -> Pool:
        """Connections for questions, made when they are needed."""
        return await asyncpg.create_pool(
            self.url,
            min_size=0,
            max_size=size,
            timeout=CONNECT,
            command_timeout=STATEMENT,
            server_settings=SETTINGS,
            init=make_durable,
        )

    def without_secrets(self, text: str) -> str:
        """An error's words without the password, should a driver ever repeat it."""
        _, _, password = urlsplit(self.url).netloc.rpartition("@")[0].partition(":")
        for secret in {password, unquote(password)} - {""}:
            text = text.replace(secret, "…")
        return text

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """Turns the driver's errors into JournalUnavailable, but for those that a request caused by itself."""
        try:
            yield
        except TROUBLE as error:
            if is_own_fault(error):
                raise
            raise self.unavailable(what, error) from error

    def unavailable(self, what: str, error: BaseException) -> JournalUnavailable:
        """The error that callers know, in words for whoever runs the receiver."""
        said = str(error) or type(error).__name__
        return JournalUnavailable(
            self.without_secrets(f"the journal {what} ({self.named}): {said}")
        )


def is_trouble(error: BaseException) -> bool:
    """Whether it says that the journal cannot be used now."""
    return isinstance(error, TROUBLE) and not is_own_fault(error)


def is_own_fault(error: BaseException) -> bool:
    """Whether one request's own values were refused, which harms no other."""
    # asyncpg refuses a value before it is sent with an error that is both
    refused = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    return isinstance(error, _OWN_FAULT) or refused


async def make_durable(db: Database) -> None:
    """A commit that returns is on disk, also where the server's own default is not to wait for that."""
    await db.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') = 'off'"
    )
