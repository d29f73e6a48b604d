from __future__ import annotations

import pytest

from receiver.decide.incident import State
from receiver.tools import ActiveAlert, OutsideError, PartialAnswerError
from tests.receiver.rig import CONFIG, ToldAlertmanager, firing, resolved, rig


def held(service: str = "shop", *, silenced: bool = False, inhibited: bool = False) -> ActiveAlert:
    labels = {"alertname": "HighErrorRate", "service": service, "severity": "critical"}
    return ActiveAlert(f"fp-{service}", labels, {}, 1789948800.0, silenced, inhibited)


@pytest.mark.parametrize("how", ["silenced", "inhibited"])
async def test_i9_what_was_muted_since_the_last_look_is_not_repaired(how: str) -> None:
    async with rig(
        holds=ToldAlertmanager((held(silenced=how == "silenced", inhibited=how == "inhibited"),))
    ) as made:
        await made.deliver(firing())
        await made.settle()
        assert made.programs.asked == []
        assert [row["reason"] for row in await made.events("refused")] == [how]
        assert await made.events("intent") == []


async def test_one_replica_that_says_silenced_is_enough() -> None:
    error = PartialAnswerError("one is down", (held(silenced=True),))
    async with rig(holds=ToldAlertmanager(error=error)) as made:
        await made.deliver(firing())
        await made.settle()
        assert made.programs.asked == []


@pytest.mark.parametrize(
    "alertmanager",
    [
        ToldAlertmanager(error=OutsideError("it is gone")),
        ToldAlertmanager(()),
        ToldAlertmanager((held("cache", silenced=True),)),
        ToldAlertmanager((held(),)),
    ],
    ids=["silent", "empty", "another is silenced", "not silenced"],
)
async def test_a_repair_does_not_wait_for_anything_else(alertmanager: ToldAlertmanager) -> None:
    async with rig(holds=alertmanager) as made:
        await made.deliver(firing())
        await made.settle()
        assert len(made.programs.asked) == 1
        assert len(await made.events("intent")) == 1


@pytest.mark.parametrize("mode", ["shadow", "approve"])
async def test_i16_what_is_silenced_is_neither_shown_nor_asked_for(mode: str) -> None:
    books = [{**CONFIG["playbooks"][0], "mode": mode}]
    async with rig(holds=ToldAlertmanager((held(silenced=True),)), playbooks=books) as made:
        await made.deliver(firing())
        await made.settle()
        assert [row["reason"] for row in await made.events("refused")] == ["silenced"]
        await made.deliver(resolved())
        await made.settle()
        assert (await made.incident()).state is State.RESOLVED
