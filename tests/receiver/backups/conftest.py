from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.receiver.backups.shops import allow_backups
from tests.servers.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """One PostgreSQL for all, whose role may make databases."""
    with postgres_server() as found:
        allow_backups(found)
        yield found
