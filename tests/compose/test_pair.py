"""Two receivers and two Alertmanagers in containers (the profile `ha`): one dies in the middle, and the shop heals all the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compose.containers import answers, ask, break_shop, compose, inside, measured, silent
from tests.servers.process import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
RECEIVERS = ("receiver-a", "receiver-b")
WORKS_ON = "SELECT owner FROM prunella.incident WHERE id = "


async def test_each_alertmanager_knows_the_other_and_prometheus_scrapes_all() -> None:
    status = await ask("alertmanager-a", "/api/v2/status")
    assert len(status["cluster"]["peers"]) == 2
    await until(lambda: measured("sum(up)", 7), "seven parts up", deadline=60)


async def test_what_one_receiver_began_the_other_ends_when_it_is_killed() -> None:
    token = inside("receiver-a", "cat", "/run/prunella/operate_token").strip()

    async def newest(receiver: str) -> dict[str, Any]:
        listed = (await ask(receiver, "/api/v1/incidents", token))["incidents"]
        if not listed:
            return {"timeline": []}
        found: dict[str, Any] = await ask(receiver, f"/api/v1/incidents/{listed[0]['id']}", token)
        return found

    async def begun() -> bool:
        return "intent" in {row["ev"] for row in (await newest("receiver-a"))["timeline"]}

    await break_shop("hang")
    await until(silent, "the shop hangs", deadline=10)
    await until(begun, "a receiver acts", deadline=150, every=0.2)
    number = (await newest("receiver-a"))["id"]
    dead, other = _who_works_on(number)
    compose("kill", dead)

    async def story() -> dict[str, Any]:
        """By its number: that a receiver is gone opens an incident as well."""
        found: dict[str, Any] = await ask(other, f"/api/v1/incidents/{number}", token)
        return found

    async def resolved() -> bool:
        return str((await story())["state"]) == "RESOLVED"

    await until(resolved, f"{other} has ended it", deadline=300, every=0.5)
    assert await answers()
    timeline = (await story())["timeline"]
    # Killed between stop and start it has left the shop stopped: then it is looked at first, and started after that.
    steps = [row for row in timeline if row["ev"] in {"intent", "verdict"}]
    assert [row["ev"] for row in steps] == ["intent", "verdict"] * (len(steps) // 2)
    assert steps[-1]["verdict"] == "recovered"


def _who_works_on(incident: int) -> tuple[str, str]:
    """And the other one. A receiver calls itself by its host, which is the container's id here."""
    owner = inside("journal", "psql", "-U", "postgres", "-d", "prunella", "-tAc", f"{WORKS_ON}{incident}")  # fmt: skip
    host = owner.strip().rpartition("-")[0]
    dead = next(one for one in RECEIVERS if compose("ps", "--quiet", one).stdout.startswith(host))
    return dead, next(one for one in RECEIVERS if one != dead)
