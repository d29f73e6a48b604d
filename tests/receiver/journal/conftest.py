from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prunella.service.clock import SystemClock
from receiver.journal import Journal
from receiver.journal.postgres import open_journal as open_postgres
from receiver.journal.sqlite import SqliteJournal, open_journal
from tests.receiver.builders import NOW
from tests.receiver.journal.places import Place, PostgresPlace, SqlitePlace
from tests.servers.postgres import PostgresServer, postgres_server

POSTGRES = pytest.param("postgres", marks=pytest.mark.server)


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgresServer]:
    """One server for all; every test gets an empty journal on it."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(cluster: PostgresServer) -> PostgresPlace:
    """A database that a journal was once opened in; on a thread, because the tests' loops are their own."""
    place = PostgresPlace(cluster, cluster.database())

    async def open_once() -> None:
        async with place.opened():
            pass

    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, open_once()).result()
    return place


@pytest.fixture
async def on_postgres(migrated: PostgresPlace) -> PostgresPlace:
    """Empty, and with the database's own clock."""
    await migrated.empty(hand_clock=False)
    return migrated


@pytest.fixture
async def by_hand(migrated: PostgresPlace) -> PostgresPlace:
    """Empty, and with time as the test says."""
    await migrated.empty(hand_clock=True)
    return migrated


@pytest.fixture(params=["sqlite", POSTGRES])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A journal that may be opened and closed again."""
    if request.param == "sqlite":
        return SqlitePlace(tmp_path / "journal.db")
    return await _emptied(request)


@pytest.fixture(params=["file", "memory", POSTGRES])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    """An empty one, on every engine in turn."""
    if request.param == "postgres":
        place = await _emptied(request)
        opened: Journal = await open_postgres(place.url, SystemClock())
    else:
        file = tmp_path / "journal.db" if request.param == "file" else None
        opened = await open_journal(file, NOW)
    yield opened
    await opened.close()


@pytest.fixture
async def in_file(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """What is SQLite's own."""
    opened = await open_journal(tmp_path / "journal.db", NOW)
    yield opened
    await opened.close()


async def _emptied(request: pytest.FixtureRequest) -> PostgresPlace:
    """As `by_hand`, only where it is asked for: the server is not started for SQLite alone."""
    place: PostgresPlace = request.getfixturevalue("migrated")
    await place.empty(hand_clock=True)
    return place
