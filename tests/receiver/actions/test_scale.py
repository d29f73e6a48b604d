from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from receiver.actions.base import ActionFailed, ActionTimedOut, Done
from receiver.actions.scale import Scale
from receiver.managers.base import Manager, ManagerError, ProcessStatus
from receiver.managers.command import Command
from receiver.managers.supervisor import Supervisor
from receiver.tools import Finished
from tests.receiver.actions.effects import a_target, an_effect
from tests.receiver.actions.scripted import (
    DOWN,
    MISSING,
    STARTING,
    BlindManager,
    scripted,
    up,
)
from tests.receiver.stand_ins import StandInPrograms, a_toolbox

HOSTILE = {"instances": "99", "alertname": "A; rm -rf /", "queue": "-n 1000"}


async def scale(manager: Manager, **options: Any) -> Done:
    effect = an_effect(a_target(process=manager), labels=HOSTILE)
    return await Scale.model_validate(options).run(effect, a_toolbox())


async def test_one_more_is_the_ordinary_step() -> None:
    manager = scripted(after=lambda age: up(1, 2) if age > 3 else STARTING)
    done = await scale(manager)
    assert done.text == "scaled shop from 1 → 2 instances in 4.0 s"
    assert done.counts == {"instancesBefore": 1, "instancesAfter": 2}
    assert manager.orders == ["scale 2"]


@pytest.mark.parametrize(
    ("options", "order"),
    [({"by": 3}, "scale 5"), ({"instances": 1}, "scale 1"), ({"instances": 7}, "scale 7")],
)
async def test_it_asks_for_what_is_configured(options: Mapping[str, int], order: str) -> None:
    wanted = int(order.split()[1])
    manager = scripted(before=up(1, 2), after=up(*range(1, wanted + 1)))
    await scale(manager, **options)
    assert manager.orders == [order]


async def test_as_many_as_run_already_is_nothing_to_do() -> None:
    manager = scripted(before=up(1, 2))
    assert (await scale(manager, instances=2)).text == "shop runs 2 instances already"
    assert manager.orders == []


@pytest.mark.parametrize(("now", "options"), [(4, {}), (3, {"by": 2}), (9, {"by": 1})])
async def test_above_max_nothing_is_done(now: int, options: Mapping[str, int]) -> None:
    manager = scripted(before=up(*range(now)))
    with pytest.raises(ActionFailed, match=r"would be above max, which is 4") as caught:
        await scale(manager, max=4, **options)
    assert not caught.value.started
    assert manager.orders == []


async def test_twice_are_two_steps_and_the_third_is_one_too_many() -> None:
    manager = scripted(after=up(1, 2))
    await scale(manager, max=3)
    manager._after = lambda _: up(1, 2, 3) if "scale 3" in manager.orders else up(1, 2)
    await scale(manager, max=3)
    with pytest.raises(ActionFailed, match="above max"):
        await scale(manager, max=3)
    assert manager.orders == ["scale 2", "scale 3"]


@pytest.mark.parametrize("then", [up(1), up(1, 2, 3), STARTING, DOWN])
async def test_what_does_not_come_up_is_not_scaled(then: ProcessStatus) -> None:
    with pytest.raises(ActionTimedOut, match="2 were not up in time"):
        await scale(scripted(after=then))


async def test_instances_that_end_at_once_are_not_up() -> None:
    with pytest.raises(ActionTimedOut, match="2 were not up in time"):
        await scale(scripted(after=lambda age: up(1, 2 + int(age * 2))))


async def test_i18_the_receiver_is_never_scaled() -> None:
    tools = replace(a_toolbox(), ourselves=frozenset({1}))
    with pytest.raises(ActionFailed, match="is the receiver itself"):
        await Scale().run(an_effect(a_target(process=scripted())), tools)


@pytest.mark.parametrize("before", [MISSING, ManagerError("away")])
async def test_what_cannot_be_seen_is_not_touched(before: ProcessStatus | ManagerError) -> None:
    manager = scripted(before=before)
    with pytest.raises(ActionFailed) as caught:
        await scale(manager)
    assert not caught.value.started
    assert manager.orders == []


@pytest.mark.parametrize("started", [True, False])
async def test_a_refusal_says_whether_it_may_have_begun(started: bool) -> None:
    with pytest.raises(ActionFailed, match="shop: no") as caught:
        await scale(scripted(refusal=ManagerError("no", started=started)))
    assert caught.value.started is started


async def test_where_the_number_cannot_be_seen_only_a_whole_number_helps() -> None:
    command = Command.model_validate({"scale": ["/opt/scale", "{instances}"]})
    programs = StandInPrograms(Finished(0, ""))
    effect = an_effect(a_target(process=command), labels=HOSTILE)
    done = await Scale(instances=3).run(effect, a_toolbox(programs=programs))
    assert done.text == "scaled shop from an unknown number → 3; how many run is not seen"
    assert [ran.argv for ran in programs.ran] == [("/opt/scale", "3")]
    with pytest.raises(ActionFailed, match="use `instances`"):
        await Scale().run(effect, a_toolbox(programs=programs))
    assert len(programs.ran) == 1


@pytest.mark.parametrize(
    "options",
    [
        *({"by": 0}, {"by": -1}, {"instances": 0}, {"instances": -1}, {"max": 0}, {"by": "all"}),
        *({"by": 1, "instances": 2}, {"instances": 11}, {"by": 3, "max": 2}, {"max": 10_000}),
    ],
)
def test_what_asks_for_too_much_or_nothing_is_refused(options: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError):
        Scale.model_validate(options)


def test_its_promises() -> None:
    assert not Scale().idempotent
    assert Scale(instances=2).idempotent
    assert Scale().needs() == "process"


def test_what_its_manager_can_never_do_is_said_at_start() -> None:
    assert "`numprocs`" in str(Scale().objection(a_target(process=Supervisor(name="a"))))
    blind = scripted(kind=BlindManager)
    assert "give its manager a `status`" in str(Scale().objection(a_target(process=blind)))
    assert Scale(instances=2).objection(a_target(process=blind)) is None
    assert Scale().objection(a_target()) is None
