from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.receiver.stores.postgres_world import World, a_world, roomy_server
from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def roomy() -> Iterator[PostgresServer]:
    """One PostgreSQL for all."""
    with roomy_server() as server:
        yield server


@pytest.fixture(scope="session")
def shared(roomy: PostgresServer) -> str:
    """One database on it, which every test finds empty."""
    return roomy.database()


@pytest.fixture
async def world(roomy: PostgresServer, shared: str) -> AsyncIterator[World]:
    async with a_world(roomy, shared) as found:
        yield found
