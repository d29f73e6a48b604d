"""The PostgreSQL that holds a queue, reached as the `postgres` facet is: every statement is a transaction with an end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from prunella.service.settings import Secret
from receiver.stores.base import StoreError
from receiver.stores.postgres_session import Session, connected
from receiver.stores.postgres_store import PostgresFacet
from receiver.tools import Tools

LIMITS = {"statement_timeout": "5s", "lock_timeout": "2s"}


def is_postgres(url: Secret) -> bool:
    """Whether the address says so."""
    return urlsplit(url.get_secret_value()).scheme in {"postgresql", "postgres"}


def check_postgres_url(url: Secret) -> Secret:
    """The address as the `postgres` facet takes it. Raises ValueError that does not quote it."""
    return PostgresFacet(url=url).url


PostgresUrl = Annotated[Secret, AfterValidator(check_postgres_url)]


@asynccontextmanager
async def postgres_link(url: Secret, tools: Tools) -> AsyncIterator[Session]:
    """A connection for one piece of work. Raises StoreError."""
    facet = PostgresFacet.model_validate({"url": url, **LIMITS})
    try:
        async with connected(facet, tools) as session:
            yield session
    except StoreError as error:
        text = str(error).replace("postgres.", "queue.").replace("postgres facet", "queue facet")
        raise StoreError(text, started=error.started, unknown=error.unknown) from error
