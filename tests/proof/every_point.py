"""A tale told once for the points it passes, and then once for each with a death there; a drawn few of them in CI."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable, Iterable
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.proof.mortal import nursery
from tests.proof.sweep import Stage, Where
from tests.servers.postgres import PostgresServer

ALL = "PRUNELLA_CHAOS" in os.environ
TIMEOUT = 3600 if ALL else 300
_SEED = int(os.environ.get("PRUNELLA_SEED", "20261121"))
_AT_ONCE = 3  # what is waited for is mostly time
_FREE = "UPDATE prunella.outbox SET held_until = 0; UPDATE prunella.incident SET due = 0 WHERE owner IS NOT NULL"

Tell = Callable[[ForkServerContext, Path, Where, str, str], Awaitable[Stage]]


def file() -> Where:
    """A journal in the receiver's own folder."""
    return Where("sqlite:journal.db")


def database(cluster: PostgresServer) -> Where:
    """An empty one on this server."""
    name = cluster.database()
    return Where(cluster.url(name), lambda: cluster.sql(_FREE, name))


async def at_every_point(
    tale: Tell, names: Iterable[str], folder: Path, journal: Callable[[], Where], sample: int
) -> None:
    """Tells every tale of these names to its end; raises what was found wrong, all of it, in a group."""
    forks, room = nursery(), asyncio.Semaphore(_AT_ONCE)

    async def tell(name: str, fatal: str = "") -> list[str]:
        async with room:
            where = folder / f"{name}-{fatal}".replace(" ", "-").replace(":", "-")
            stage = await tale(forks, where, await asyncio.to_thread(journal), name, fatal)
            return stage.reached() if stage.lives == (2 if fatal else 1) else []

    names = list(names)
    passed = zip(names, await _all(map(tell, names)), strict=True)
    points = [(name, point) for name, reached in passed for point in dict.fromkeys(reached)]
    chosen = points if ALL else random.Random(_SEED).sample(points, sample)  # noqa: S311 - no secret
    sys.stderr.write(f"{len(chosen)} of {len(points)} points, seed {_SEED}\n")
    died = await _all(tell(name, point) for name, point in chosen)
    missed = [point for point, reached in zip(chosen, died, strict=True) if not reached]
    sys.stderr.write(f"not reached again: {missed}\n")
    assert len(missed) <= len(chosen) / 5, missed


async def _all(tellings: Iterable[Awaitable[list[str]]]) -> list[list[str]]:
    """Every failure, not only the first."""
    ended = await asyncio.gather(*tellings, return_exceptions=True)
    failed = [one for one in ended if isinstance(one, Exception)]
    if failed:
        raise ExceptionGroup("killed, and not brought to an end", failed)
    return [one for one in ended if isinstance(one, list)]
