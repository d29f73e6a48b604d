"""A connection to PostgreSQL by asyncpg, kept from scrape to scrape; none may write or take for ever.

The driver takes three megabytes: it is loaded with the first server, and never where there is none.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator

from exporter.kept import PATIENCE, Kept, NoAnswerError
from exporter.tls_options import check_libpq
from prunella.service.settings import Secret

if TYPE_CHECKING:
    import asyncpg

__all__ = [
    "PATIENCE",
    "Link",
    "NoAnswerError",
    "PostgresUrl",
    "check_postgres_url",
    "driver",
    "is_postgres_url",
]

# A scrape's statements are short; one that waits for a lock must not wait for ever, and none may write.
SETTINGS: Mapping[str, str] = {
    "application_name": "prunella-exporter",
    "statement_timeout": "5s",
    "lock_timeout": "1s",
    "default_transaction_read_only": "on",
    "jit": "off",
}


def is_postgres_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.port != 0
    except ValueError:
        return False  # its own text would quote the password
    return usable and parts.scheme in {"postgres", "postgresql"}


def check_postgres_url(url: Secret) -> Secret:
    """Raises ValueError, without a word of the password."""
    if not is_postgres_url(url.get_secret_value()):
        raise ValueError("must be postgresql://user:password@host:port/database")
    check_libpq(url.get_secret_value())
    return url


PostgresUrl = Annotated[Secret, AfterValidator(check_postgres_url)]


def driver() -> Any:
    """asyncpg itself, for those who ask."""
    return importlib.import_module("asyncpg")


class _Dialect:
    def __init__(self, url: str, settings: Mapping[str, str]) -> None:
        self._url, self._settings, self._driver = url, settings, driver()

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """None of them names more than user, host and database."""
        asyncpg = self._driver
        return asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError

    async def open(self) -> asyncpg.Connection:
        connection: asyncpg.Connection = await self._driver.connect(
            self._url, timeout=PATIENCE, server_settings=dict(self._settings)
        )
        return connection

    def usable(self, connection: asyncpg.Connection, error: Exception | None) -> bool:
        # After the second it was lost in the middle of what asyncpg did.
        return not connection.is_closed() and not isinstance(
            error, self._driver.InternalClientError
        )

    async def bye(self, connection: asyncpg.Connection) -> None:
        with contextlib.suppress(*self.failures):
            await connection.close(timeout=0.1)

    def cut(self, connection: asyncpg.Connection) -> None:
        # Without a word: asyncpg would open another connection to have a statement cancelled.
        connection.terminate()


class Link(Kept["asyncpg.Connection"]):
    def __init__(self, url: str, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(_Dialect(url, {**SETTINGS, **(settings or {})}))
