"""SIGKILL, again and again, in the middle of writing: what was said to be kept has been kept."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.journal import Chain, Page
from tests.receiver.journal.doing import exported, opened

pytestmark = pytest.mark.server  # processes that are killed: not for `make check`

SAID_BEFORE_THE_KILL = (1, 250, 17, 600, 90, 3, 410)


def one_life(file: Path, number: int, said_at_least: int) -> Iterator[str]:
    """Starts a writer, listens until it has said enough, kills it, and yields all that it had said."""
    argv = [sys.executable, "-m", "tests.receiver.journal.killed_child", str(file), f"life{number}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for count, line in enumerate(child.stdout):
            if count == said_at_least:
                child.kill()
            # a line cut off by the kill was not said
            if line.endswith("\n"):
                yield line.strip()
    assert child.returncode == -9, "it ended by itself"


async def after_all(file: Path) -> tuple[Chain, set[str], set[str], set[str]]:
    async with opened(file) as journal:
        rows = await exported(journal)
        kept = {row["fp"] for row in rows if row["ev"] == "received"}
        begun = {row["aid"] for row in rows if row["ev"] == "intent"}
        open_ones = {alert.fingerprint for alert in await journal.open_alerts()}
        assert len([row for row in rows if row["ev"] == "intent"]) == len(begun)
        return await journal.verify(), kept, begun, open_ones


@pytest.mark.timeout(120)
def test_i7_nothing_acknowledged_is_lost_however_often_it_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    said = [
        tuple(line.split(" ", 1))
        for number, enough in enumerate(SAID_BEFORE_THE_KILL)
        for line in one_life(file, number, enough)
    ]
    chain, kept, begun, open_ones = asyncio.run(after_all(file))
    assert chain.bad is None, chain.why
    told = {name for word, name in said if word == "kept"}
    assert len(told) > 1000
    assert told <= kept
    assert told <= open_ones
    said_to_begin = {name for word, name in said if word == "began"}
    assert len(said_to_begin) > len(SAID_BEFORE_THE_KILL)
    assert said_to_begin <= begun


def test_i6_every_effect_that_began_had_its_intent_on_disk_and_the_open_ones_are_known(
    tmp_path: Path,
) -> None:
    file = tmp_path / "journal.db"
    said = [tuple(line.split(" ", 1)) for line in one_life(file, 1, 200)]
    began = {name for word, name in said if word == "began"}
    over = {name for word, name in said if word == "ended"}
    intents, outcomes, unfinished = asyncio.run(runs_in(file))
    assert over
    assert began <= intents
    assert over <= outcomes
    assert unfinished == intents - outcomes
    assert len(unfinished) <= 1


async def runs_in(file: Path) -> tuple[set[str], set[str], set[str]]:
    async with opened(file) as journal:
        rows = await exported(journal)
        runs = [await journal.open_run(one.id) for one in await journal.incidents(Page(limit=9999))]
    return (
        {row["aid"] for row in rows if row["ev"] == "intent"},
        {row["aid"] for row in rows if row["ev"] == "outcome"},
        {run.action_id for run in runs if run is not None},
    )
