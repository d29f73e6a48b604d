"""Two receivers in processes of their own on one PostgreSQL: one dies in the middle, the other goes on, once."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from prunella.service.clock import SystemClock
from receiver.journal.postgres import open_journal
from receiver.pipeline import LEASE
from tests.servers.ports import free_port
from tests.servers.postgres import PASSWORD, PostgresServer, postgres_server
from tests.servers.process import until
from tests.servers.receiver import ReceiverServer, receiver

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

# leaves a line for each start and end, and takes longer than the kill needs
ACTION = """
import os, sys, time
with open(sys.argv[1], "a") as log:
    print("begun", os.environ["PRUNELLA_ACTION_ID"], file=log, flush=True)
    time.sleep(float(sys.argv[2]))
    print("over", os.environ["PRUNELLA_ACTION_ID"], file=log, flush=True)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


class Pair:
    """Two receivers, the journal they share, and what their action left as evidence."""

    def __init__(self, receivers: list[ReceiverServer], url: str, log: Path) -> None:
        self.receivers = receivers
        self.url = url
        self.log = log

    async def events(self, ev: str) -> list[dict[str, Any]]:
        """From the database, so that the dead are asked too."""
        journal = await open_journal(self.url, SystemClock())
        try:
            rows = [json.loads(line) async for line in journal.export()]
            assert (await journal.verify()).bad is None
        finally:
            await journal.close()
        return [row for row in rows if row["ev"] == ev]

    def evidence(self, word: str) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith(word)]


def config(url: str, log: Path, seconds: float) -> dict[str, Any]:
    argv = [sys.executable, "-c", ACTION, str(log), str(seconds)]
    return {
        "journal": url,
        "mode": "auto",
        "limits": {"disruptive_at_once": 9},
        "targets": {
            "shop": {
                "matchers": ['service="shop"'],
                "http": {"base_url": f"http://127.0.0.1:{free_port()}"},
            }
        },
        "playbooks": [
            {
                "name": "repair",
                "matchers": ['alertname="Down"'],
                "mode": "auto",
                "ladder": [{"action": "run", "argv": argv}],
                "verify": {
                    "settle": "200ms",
                    "within": "5s",
                    "every": "200ms",
                    "need": 1,
                    "checks": [{"alert": "cleared"}],
                },
            }
        ],
    }


@asynccontextmanager
async def pair(folder: Path, cluster: PostgresServer, seconds: float) -> AsyncIterator[Pair]:
    url, log = cluster.url(cluster.database()), folder / "evidence"
    settings = config(url, log, seconds)
    async with AsyncExitStack() as parts:
        receivers = [
            await parts.enter_async_context(receiver(folder / name, settings))
            for name in ("one", "other")
        ]
        yield Pair(receivers, url, log)


def alert(status: str = "firing") -> Mapping[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "Down", "service": "shop", "severity": "critical"},
        "startsAt": "2026-11-21T08:00:00Z",
        "endsAt": "2026-11-21T09:00:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "fingerprint": "f1",
    }


async def test_i1_what_a_killed_receiver_had_begun_another_finishes_within_two_leases_and_once(
    tmp_path: Path, cluster: PostgresServer
) -> None:
    async with pair(tmp_path, cluster, 3.0) as made:
        one, other = made.receivers
        assert (await one.deliver(alert()))[0] == 202
        await until(lambda: bool(made.evidence("begun")), "an action began", every=0.005)
        # the one that was told acts: the other looks once a second
        (holder,) = [one for one in made.receivers if "action begins" in one.process.output()]
        alive = other if holder is one else one
        holder.kill()
        killed = time.monotonic()
        assert (await alive.deliver(alert("resolved")))[0] == 202
        await alive.until_state("RESOLVED", deadline=2 * LEASE + 10.0)
        took = time.monotonic() - killed
        assert took < 2 * LEASE
        assert len(made.evidence("begun")) == len(await made.events("intent")) == 1
        (outcome,) = await made.events("outcome")
        assert outcome["result"] == "unknown"
        assert PASSWORD not in "".join(one.process.output() for one in made.receivers)


async def test_i2_an_ha_pair_that_tells_both_receivers_gets_one_action(
    tmp_path: Path, cluster: PostgresServer
) -> None:
    async with pair(tmp_path, cluster, 0.1) as made:
        answers = await asyncio.gather(*(one.deliver(alert()) for one in made.receivers))
        assert [status for status, _ in answers] == [202, 202]
        assert sorted(body["new"] for _, body in answers) == [0, 1]
        await until(lambda: bool(made.evidence("over")), "an action ended", deadline=20.0)
        for one in made.receivers:
            await one.deliver(alert("resolved"))
        await made.receivers[0].until_state("RESOLVED", deadline=20.0)
        assert len(made.evidence("begun")) == len(await made.events("intent")) == 1
        seen = [await one.incidents() for one in made.receivers]
        assert seen[0] == seen[1]


async def test_while_postgresql_is_gone_the_answer_is_503_and_then_it_goes_on(
    tmp_path: Path,
) -> None:
    with postgres_server(fsync=True) as own:
        async with pair(tmp_path, own, 0.1) as made:
            own.kill()
            one = made.receivers[0]
            assert (await one.deliver(alert()))[0] == 503
            own.begin()

            async def taken() -> bool:
                return (await one.deliver(alert()))[0] == 202

            await until(taken, "it is taken again", deadline=15.0)
            await until(lambda: bool(made.evidence("over")), "an action ended", deadline=20.0)
            assert len(made.evidence("begun")) == 1
