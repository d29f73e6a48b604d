from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgresServer]:
    """One server for all; every journal has a database of its own."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def journal(request: pytest.FixtureRequest) -> str:
    """What `journal:` says, for an empty one."""
    if request.param == "sqlite":
        return "sqlite:journal.db"
    server: PostgresServer = request.getfixturevalue("cluster")
    return server.url(server.database())
