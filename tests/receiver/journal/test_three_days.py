"""A launch watch of 72 hours is one watch: over restarts, beside a second receiver, and over kill -9 at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from receiver.decide.release import ReleaseState
from receiver.decide.watching import Outcome
from receiver.journal import Journal
from tests.receiver.builders import NOW
from tests.receiver.journal.doing import opened
from tests.receiver.journal.places import Place, PostgresPlace
from tests.receiver.journal.three_days import (
    END,
    HOUR,
    STEP,
    TOLD,
    Receiver,
    deploy,
    words,
)
from tests.receiver.rig import HandClock

SEED = int(os.environ.get("PRUNELLA_SEED", "5"))
KILLS = 40 if "PRUNELLA_CHAOS" in os.environ else 3


@asynccontextmanager
async def receivers(place: Place, clock: HandClock) -> AsyncIterator[list[Receiver]]:
    """Two on one journal: by two connections where the engine can, else in one process."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(place.opened(clock.at))
        second = first
        if isinstance(place, PostgresPlace):
            second = await stack.enter_async_context(place.opened(clock.at))
        yield [Receiver(first, clock), Receiver(second, clock)]


async def checkpoints(journal: Journal) -> list[dict[str, float]]:
    lines = [json.loads(line) async for line in journal.export()]
    return [line for line in lines if line["ev"] == "launch_checkpoint"]


async def judged(journal: Journal) -> None:
    """It was looked at 72 times, each time once, and all of it is as if nobody had ever died."""
    launch = await journal.launch(1)
    assert launch is not None
    assert [one.due for one in launch.checkpoints] == sorted(
        {row["due"] for row in await checkpoints(journal)}
    )
    assert len(launch.checkpoints) == len(await checkpoints(journal)) == 72
    assert launch.outcome is Outcome.STABLE
    assert launch.release.state is ReleaseState.STABLE
    assert launch.release.healthy_since == NOW + 36 * HOUR
    assert (await journal.verify()).bad is None


@pytest.mark.timeout(180)
async def test_it_survives_restarts_and_a_second_receiver(place: Place) -> None:
    clock, dice = HandClock(NOW), random.Random(SEED)  # noqa: S311 - to repeat it, not to hide it
    told: list[str] = []
    async with place.opened(NOW) as journal:
        await deploy(journal)
    while clock.at <= NOW + END:
        async with receivers(place, clock) as both:
            for _ in range(dice.randint(1, 90)):
                await asyncio.gather(*(one.looks() for one in both))
                told += words([letter for one in both for letter in await one.tells()])
                clock.at += STEP
    assert told == TOLD
    async with place.opened(clock.at) as journal:
        await judged(journal)


@pytest.mark.server
@pytest.mark.timeout(600)
async def test_killed_at_any_moment_it_tells_everything_and_nothing_twice(tmp_path: Path) -> None:
    file, dice = tmp_path / "journal.db", random.Random(SEED)  # noqa: S311 - to repeat it
    async with opened(file, NOW) as journal:
        await deploy(journal)
    lines: list[str] = []
    for _ in range(KILLS):
        await lived(file, lines, dies_after=dice.randint(1, 60), late=dice.random() * 0.02)
    await lived(file, lines)
    assert lines[-1] == "over"
    told = [line.split(maxsplit=2)[1:] for line in lines if line.startswith("told ")]
    # sent and killed before that was written: the same message again, by the same key
    distinct = dict(told)
    assert [title.partition("]")[0][1:] for title in distinct.values()] == TOLD
    async with opened(file, NOW + END) as journal:
        await judged(journal)


async def lived(
    file: Path, lines: list[str], *, dies_after: int | None = None, late: float = 0.0
) -> None:
    """One life from where the last one ended; what it says is added to `lines`."""
    passed = [float(line.split()[1]) for line in lines if line.startswith("at ")]
    begin = passed[-1] + STEP if passed else NOW
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.receiver.journal.launch_child", str(file), str(begin)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        said = 0
        async for line in child.stdout:
            lines.append(line.decode().rstrip("\n"))
            said += lines[-1].startswith("at ")
            if said == dies_after:
                await asyncio.sleep(late)  # somewhere in the next moments
                break
    finally:
        if child.returncode is None:
            child.kill()
        rest = await child.stdout.read()
        await child.wait()
    lines += rest.decode().splitlines()
