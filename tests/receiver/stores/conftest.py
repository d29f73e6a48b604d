from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.receiver.stores.postgres_world import World, a_world, roomy_server
from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def roomy() -> Iterator[PostgresServer]:
    """One PostgreSQL for all; every test gets a database of its own."""
    with roomy_server() as server:
        yield server


@pytest.fixture
async def world(roomy: PostgresServer) -> AsyncIterator[World]:
    async with a_world(roomy) as found:
        yield found
