"""The crash sweep: each scenario is told once to count its points, and then once for each with a death there."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.proof.mortal import nursery
from tests.proof.sweep import SCENARIOS, Where, told
from tests.servers.postgres import PostgresServer, postgres_server

ALL = "PRUNELLA_CHAOS" in os.environ
SEED = int(os.environ.get("PRUNELLA_SEED", "20261121"))
SAMPLE = 15
AT_ONCE = 3  # what is waited for is mostly time

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(3600 if ALL else 300)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


async def test_a_receiver_that_is_killed_at_any_point_brings_it_to_its_end_on_sqlite(
    tmp_path: Path,
) -> None:
    await _sweep(tmp_path, lambda: Where("sqlite:journal.db"))


async def test_a_receiver_that_is_killed_at_any_point_brings_it_to_its_end_on_postgresql(
    tmp_path: Path, cluster: PostgresServer
) -> None:
    def empty() -> Where:
        name = cluster.database()
        ends = "UPDATE prunella.outbox SET held_until = 0; UPDATE prunella.incident SET due = 0 WHERE owner IS NOT NULL"
        return Where(cluster.url(name), lambda: cluster.sql(ends, name))

    await _sweep(tmp_path, empty)


async def _sweep(folder: Path, journal: Callable[[], Where]) -> None:
    forks, room = nursery(), asyncio.Semaphore(AT_ONCE)

    async def tell(scenario: str, fatal: str = "") -> list[str]:
        async with room:
            where = folder / f"{scenario}-{fatal}".replace(" ", "-").replace(":", "-")
            stage = await told(forks, where, await asyncio.to_thread(journal), scenario, fatal)
            return stage.reached() if stage.lives == (2 if fatal else 1) else []

    points = [
        (scenario, point) for scenario in SCENARIOS for point in dict.fromkeys(await tell(scenario))
    ]
    chosen = points if ALL else random.Random(SEED).sample(points, SAMPLE)  # noqa: S311 - no secret
    sys.stderr.write(f"{len(chosen)} of {len(points)} points, seed {SEED}\n")
    died = await _all([tell(scenario, point) for scenario, point in chosen])
    missed = [point for point, reached in zip(chosen, died, strict=True) if not reached]
    sys.stderr.write(f"not reached again: {missed}\n")
    assert len(missed) <= len(chosen) / 5, missed


async def _all(tellings: list[Awaitable[list[str]]]) -> list[list[str]]:
    """Every failure, not only the first."""
    ended = await asyncio.gather(*tellings, return_exceptions=True)
    failed = [one for one in ended if isinstance(one, BaseException)]
    if failed:
        raise ExceptionGroup(
            "killed and not healed", [one for one in failed if isinstance(one, Exception)]
        )
    return [one for one in ended if not isinstance(one, BaseException)]
