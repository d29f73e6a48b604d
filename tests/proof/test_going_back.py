"""kill -9 at the points of a rollback: the other version proven, or the one before restored, never half."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from tests.proof.going_back import SITES, rolled_back
from tests.proof.mortal import nursery
from tests.proof.sweep import Where
from tests.servers.postgres import PostgresServer, postgres_server

ALL = "PRUNELLA_CHAOS" in os.environ
SEED = int(os.environ.get("PRUNELLA_SEED", "20261121"))
SAMPLE, SAMPLE_ON_POSTGRES = 9, 3
AT_ONCE = 3  # what is waited for is mostly time
FREE = "UPDATE prunella.outbox SET held_until = 0; UPDATE prunella.incident SET due = 0 WHERE owner IS NOT NULL"

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(3600 if ALL else 300)]


async def test_i4_a_rollback_that_is_killed_at_any_point_is_never_left_half_way(
    tmp_path: Path,
) -> None:
    await _sweep(tmp_path, lambda: Where("sqlite:journal.db"), sorted(SITES), SAMPLE)


async def test_nor_is_it_on_postgresql(tmp_path: Path) -> None:
    with postgres_server() as cluster:
        sites = sorted(SITES) if ALL else ["link in vain"]
        await _sweep(tmp_path, lambda: _empty(cluster), sites, SAMPLE_ON_POSTGRES)


def _empty(cluster: PostgresServer) -> Where:
    name = cluster.database()
    return Where(cluster.url(name), lambda: cluster.sql(FREE, name))


async def _sweep(
    folder: Path, journal: Callable[[], Where], sites: Sequence[str], sample: int
) -> None:
    forks, room = nursery(), asyncio.Semaphore(AT_ONCE)

    async def tell(how: str, fatal: str = "") -> list[str]:
        async with room:
            where = folder / f"{how}-{fatal}".replace(" ", "-").replace(":", "-")
            stage = await rolled_back(forks, where, await asyncio.to_thread(journal), how, fatal)
            return stage.reached() if stage.lives == (2 if fatal else 1) else []

    told = await _all([tell(how) for how in sites])
    pairs = zip(sites, told, strict=True)
    points = [(how, point) for how, reached in pairs for point in dict.fromkeys(reached)]
    chosen = points if ALL else random.Random(SEED).sample(points, sample)  # noqa: S311 - no secret
    sys.stderr.write(f"{len(chosen)} of {len(points)} points, seed {SEED}\n")
    died = await _all([tell(how, point) for how, point in chosen])
    missed = [point for point, reached in zip(chosen, died, strict=True) if not reached]
    sys.stderr.write(f"not reached again: {missed}\n")
    assert len(missed) <= len(chosen) / 5, missed


async def _all(tellings: list[Awaitable[list[str]]]) -> list[list[str]]:
    """Every failure, not only the first."""
    ended = await asyncio.gather(*tellings, return_exceptions=True)
    failed = [one for one in ended if isinstance(one, Exception)]
    if failed:
        raise ExceptionGroup("killed and left half-way", failed)
    return [one for one in ended if isinstance(one, list)]
