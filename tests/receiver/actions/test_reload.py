from __future__ import annotations

import pytest

from receiver.actions.base import ActionFailed, ActionTimedOut
from receiver.actions.reload import Reload
from receiver.managers.base import Manager, ManagerError, ProcessStatus
from tests.receiver.actions.effects import a_target, an_effect
from tests.receiver.actions.scripted import (
    DOWN,
    MISSING,
    STARTING,
    BlindManager,
    ReplacingManager,
    SingleManager,
    scripted,
    up,
)
from tests.receiver.stand_ins import SteppedClock, a_toolbox


async def reload(manager: Manager, *, timeout: float = 60.0) -> str:
    effect = an_effect(a_target(process=manager), timeout=timeout)
    return (await Reload().run(effect, a_toolbox(clock=SteppedClock()))).text


async def test_new_processes_in_place_of_the_old_are_a_reload_without_a_gap() -> None:
    manager = scripted(kind=ReplacingManager, smooth=True, before=up(1, 2), after=up(3, 4))
    assert await reload(manager) == "reloaded shop without a gap in 0.0 s: pid 1, 2 → 3, 4"
    assert manager.orders == ["reload"]


async def test_where_there_is_a_gap_it_is_said() -> None:
    said = await reload(scripted())
    assert said == (
        "restarted shop with a gap, for its manager has no reload without one, in 0.0 s: pid 1 → 2"
    )


async def test_a_process_that_reads_its_config_anew_keeps_its_pid() -> None:
    assert await reload(scripted(smooth=True, after=up(1))) == "reloaded shop in place: still pid 1"


async def test_a_process_that_may_keep_its_pid_may_also_be_another() -> None:
    assert "in 0.0 s: pid 1 → 2" in await reload(scripted(smooth=True))


@pytest.mark.parametrize("smooth", [True, False])
async def test_the_old_processes_still_up_are_no_reload(smooth: bool) -> None:
    with pytest.raises(ActionTimedOut, match="did not come up"):
        await reload(scripted(kind=ReplacingManager, smooth=smooth, after=up(1)))


async def test_old_instances_that_leave_slowly_are_waited_for() -> None:
    def after(age: float) -> ProcessStatus:
        return up(1, 3) if age < 4 else up(3)

    manager = scripted(kind=ReplacingManager, smooth=True, after=after)
    assert "in 4.0 s: pid 1 → 3" in await reload(manager)


async def test_what_does_not_stay_up_has_failed() -> None:
    manager = scripted(smooth=True, after=lambda age: up(2) if age < 4 else DOWN)
    with pytest.raises(ActionFailed, match="it came up and was down"):
        await reload(manager)


async def test_a_restart_that_is_going_on_is_waited_for_and_not_doubled() -> None:
    manager = scripted(before=lambda age: STARTING if age < 5 else up(9))
    assert await reload(manager) == "shop was being restarted already: pid 9"
    assert manager.orders == []


async def test_a_restart_loop_is_left_alone() -> None:
    now = SteppedClock().now()
    manager = scripted(before=lambda age: up(int(age), since=now + int(age), restarts=int(age)))
    with pytest.raises(ActionFailed, match="in a restart loop") as caught:
        await reload(manager)
    assert not caught.value.started
    assert manager.orders == []


@pytest.mark.parametrize("before", [MISSING, ManagerError("away")])
async def test_what_cannot_be_seen_is_not_touched(before: ProcessStatus | ManagerError) -> None:
    manager = scripted(before=before)
    with pytest.raises(ActionFailed) as caught:
        await reload(manager)
    assert not caught.value.started
    assert manager.orders == []


@pytest.mark.parametrize("started", [True, False])
async def test_a_refusal_says_whether_it_may_have_begun(started: bool) -> None:
    with pytest.raises(ActionFailed, match="shop: no") as caught:
        await reload(scripted(refusal=ManagerError("no", started=started)))
    assert caught.value.started is started


async def test_a_manager_that_does_not_say_whether_there_will_be_a_gap_is_not_asked_for_one() -> (
    None
):
    class Unsure(ReplacingManager):
        async def zero_downtime(self, tools: object) -> bool:
            raise ManagerError("away")

    manager = scripted(kind=Unsure)
    with pytest.raises(ActionFailed, match="shop: away") as caught:
        await reload(manager)
    assert not caught.value.started
    assert manager.orders == []


async def test_what_a_blind_manager_did_is_not_claimed() -> None:
    said = await reload(scripted(kind=BlindManager))
    assert said == "reloaded shop; not seen, because its manager has no `status`"


def test_its_promises() -> None:
    assert Reload().idempotent
    assert Reload().disruptive
    assert Reload().needs() == "process"
    assert Reload.model_validate({"up_for": "1m"}).up_for == 60
    cannot = a_target(process=scripted(kind=SingleManager))
    assert Reload().objection(cannot) == "its manager cannot reload a process"
    assert Reload().objection(a_target(process=scripted())) is None
