"""A bad release is deployed, noticed, gone back from and proven; and what must not be gone back to is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.releases.ledger import RefusedError
from demo.releases.versions import GOOD
from tests.e2e.releases import Released, always_well, down, ladder, released
from tests.servers.process import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

WELL = 'min(probe_success{service="shop"})'
GATE: dict[str, Any] = {
    "healthy_before": "5s", "healthy": WELL, "traffic": 'count(probe_success{service="shop"})',
}  # fmt: skip
CRASH, ERRORS, LIAR, SCHEMA = "1.2.0-crash", "1.2.0-errors", "1.2.0-liar", "2.0.0-schema"


async def test_a_release_that_cannot_start_is_gone_back_from_proven_and_never_gone_back_from_again(
    tmp_path: Path,
) -> None:
    config = {"playbooks": [ladder()], "release": {"gate": GATE}}
    async with released(tmp_path, loop=True, **config) as made:
        receiver = made.parts.receiver
        await until(lambda: _seen_well(made), "six seconds of being well", deadline=40)
        await made.deploy_in_vain(CRASH)
        await receiver.until_state("RESOLVED", deadline=60)
        assert (await made.deploys.version(), made.layout.serving()) == (GOOD, GOOD)
        assert (await made.states())[CRASH] == "rolled_back"
        await made.parts.break_shop("hang")
        await until(lambda: bool(receiver.events("escalated")), "a human is called", deadline=60)
        assert receiver.events("refused")[-1]["reason"] == "rollback_of_rollback"
        assert [row["kind"] for row in receiver.events("intent")] == ["rollback"]
        assert made.layout.serving() == GOOD


async def test_a_release_that_changed_the_database_is_gone_back_from_when_a_human_says_so(
    tmp_path: Path,
) -> None:
    async with _by_hand(tmp_path) as made:
        receiver = made.parts.receiver
        await made.deploy(SCHEMA)
        await receiver.deliver(down())
        await receiver.until_state("AWAITING_APPROVAL")
        assert receiver.events("refused")[-1]["reason"] == "schema_incompatible"
        assert (await made.deploys.version(), receiver.events("intent")) == (SCHEMA, [])
        (incident,) = await receiver.incidents()
        assert (await receiver.post(f"/api/v1/incidents/{incident['id']}/approve", {}))[0] == 200
        await until(lambda: bool(receiver.events("verdict")), "a verdict", deadline=40)
        assert await made.deploys.version() == GOOD


async def test_what_is_gone_back_to_and_says_another_version_is_left_again_and_a_human_called(
    tmp_path: Path,
) -> None:
    async with _by_hand(tmp_path) as made:
        receiver = made.parts.receiver
        await made.deploy_in_vain(LIAR)
        await made.deploys.ledger.mark(LIAR)
        await made.deploy(ERRORS)
        await receiver.deliver(down())
        await receiver.until_state("ESCALATED", deadline=60)
        (outcome,) = receiver.events("outcome")
        assert (outcome["kind"], outcome["result"]) == ("rollback", "failed")
        assert "put forward again" in outcome["detail"]
        assert (await made.deploys.version(), made.layout.serving()) == (ERRORS, ERRORS)
        with pytest.raises(RefusedError, match="frozen"):
            await made.deploy("1.1.0")


@asynccontextmanager
async def _by_hand(folder: Path) -> AsyncIterator[Released]:
    """The test plays Alertmanager, and to Prometheus all was well."""
    async with always_well() as url:
        gate = {**GATE, "healthy": "vector(1)", "traffic": "vector(1)"}
        more = {"playbooks": [ladder()], "release": {"gate": gate}, "prometheus": {"url": url}}
        async with released(folder, loop=False, **more) as made:
            yield made


async def _seen_well(made: Released) -> bool:
    assert made.parts.prometheus is not None
    seen = f"count_over_time({WELL}[6s:1s]) >= 6 and min_over_time({WELL}[6s:1s]) == 1"
    return bool(await made.parts.prometheus.query(seen))
