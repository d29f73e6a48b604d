from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from receiver.actions.base import ActionFailed, ActionTimedOut
from receiver.actions.restart import Restart
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus
from receiver.managers.command import Command
from receiver.managers.pm2 import Pm2
from receiver.managers.supervisor import Supervisor
from receiver.tools import Tools
from tests.receiver.actions.effects import a_target, an_effect
from tests.receiver.actions.scripted import (
    DOWN,
    MISSING,
    STARTING,
    BlindManager,
    Script,
    SingleManager,
    SlowManager,
    scripted,
    up,
)
from tests.receiver.stand_ins import SteppedClock, a_toolbox


async def restart(
    manager: Manager, *, timeout: float = 60.0, clock: SteppedClock | None = None
) -> str:
    effect = an_effect(a_target(process=manager), timeout=timeout)
    return (await Restart().run(effect, a_toolbox(clock=clock))).text


async def test_it_says_what_was_replaced_by_what() -> None:
    manager = scripted(after=lambda age: up(2, since=200) if age >= 1.2 else STARTING)
    assert await restart(manager) == "restarted shop in 1.5 s: pid 1 → 2"
    assert manager.restarts == 1


async def test_it_looks_until_the_process_stayed_up_long_enough() -> None:
    clock = SteppedClock(now=0)
    await restart(scripted(), clock=clock)
    assert clock.monotonic() == pytest.approx(10)


async def test_the_same_second_and_another_pid_is_a_new_process() -> None:
    assert "pid 1 → 2" in await restart(scripted(before=up(1, since=5), after=up(2, since=5)))


async def test_the_old_process_still_up_is_not_a_restart() -> None:
    with pytest.raises(ActionTimedOut, match="did not come up"):
        await restart(scripted(after=up(1)))


async def test_a_pid_that_is_used_again_is_a_new_process_when_the_manager_counted_it() -> None:
    assert "pid 7 → 7" in await restart(scripted(before=up(7), after=up(7, restarts=1)))
    with pytest.raises(ActionTimedOut, match="did not come up"):
        await restart(scripted(before=up(7, 8), after=up(7, 8, restarts=1)))


async def test_a_start_that_is_reckoned_anew_at_each_look_is_still_the_same_process() -> None:
    assert "pid 1 → 2" in await restart(scripted(after=lambda age: up(2, since=200 + age / 1000)))


async def test_every_instance_has_to_be_new() -> None:
    with pytest.raises(ActionTimedOut, match="did not come up"):
        await restart(scripted(before=up(1, 2), after=up(2, 3, since=300)))


async def test_a_start_up_grace_is_not_a_failure() -> None:
    manager = scripted(after=lambda age: up(2) if age > 30 else STARTING)
    assert "restarted shop in 30.5 s" in await restart(manager)


async def test_what_was_down_is_started() -> None:
    assert "pid none → 2" in await restart(scripted(before=DOWN))


async def test_what_is_down_after_the_restart_has_failed() -> None:
    with pytest.raises(ActionFailed, match="after the restart it is down") as caught:
        await restart(scripted(after=DOWN))
    assert caught.value.started
    assert not isinstance(caught.value, ActionTimedOut)


@pytest.mark.parametrize(
    ("then", "said"), [(DOWN, "down"), (STARTING, "starting"), (up(3), "restarted")]
)
async def test_a_process_that_does_not_stay_up_has_failed(then: ProcessStatus, said: str) -> None:
    manager = scripted(after=lambda age: up(2) if age < 4 else then)
    with pytest.raises(ActionFailed, match=rf"it came up and was {said} within 4\.\d s"):
        await restart(manager)
    assert manager.restarts == 1


async def test_one_crashed_instance_of_two_is_noticed() -> None:
    manager = scripted(before=up(1, 2), after=lambda age: up(3, 4) if age < 4 else up(3, 5))
    with pytest.raises(ActionFailed, match="was restarted"):
        await restart(manager)


async def test_a_crash_after_it_stayed_up_is_not_this_actions() -> None:
    await restart(scripted(after=lambda age: up(2) if age <= 10 else DOWN))


async def test_i18_the_receiver_never_restarts_itself() -> None:
    manager = scripted(before=up(7, 70))
    tools = replace(a_toolbox(), ourselves=frozenset({70, 700}))
    with pytest.raises(ActionFailed, match="is the receiver itself") as refused:
        await Restart().run(an_effect(target=a_target(process=manager)), tools)
    assert not refused.value.started
    assert manager.restarts == 0


async def test_what_the_manager_does_not_know_was_not_touched() -> None:
    manager = scripted(before=MISSING)
    with pytest.raises(ActionFailed, match="knows no such process") as caught:
        await restart(manager)
    assert not caught.value.started
    assert manager.restarts == 0


async def test_a_manager_that_cannot_be_asked_was_not_touched() -> None:
    manager = scripted(before=ManagerError("cannot reach it"))
    with pytest.raises(ActionFailed, match="shop: cannot reach it") as caught:
        await restart(manager)
    assert not caught.value.started


@pytest.mark.parametrize("started", [True, False])
async def test_a_refusal_says_whether_it_may_have_begun(started: bool) -> None:
    with pytest.raises(ActionFailed, match="shop: no") as caught:
        await restart(scripted(refusal=ManagerError("no", started=started)))
    assert caught.value.started is started


async def test_a_manager_that_is_silent_for_a_moment_is_asked_again() -> None:
    def script(age: float) -> ProcessStatus | ManagerError:
        return ManagerError("busy") if age < 3 or 5 < age < 6 else up(2)

    assert "pid 1 → 2" in await restart(scripted(after=script))


async def test_a_restart_by_somebody_else_is_waited_for_and_not_doubled() -> None:
    manager = scripted(before=lambda age: STARTING if age < 5 else up(9))
    assert await restart(manager) == "shop was being restarted already: pid 9"
    assert manager.restarts == 0


@pytest.mark.parametrize("then", [DOWN, STARTING])
async def test_a_restart_by_somebody_else_that_fails_is_done_again(then: ProcessStatus) -> None:
    manager = scripted(before=lambda age: STARTING if age < 5 else then)
    assert "pid none → 2" in await restart(manager)
    assert manager.restarts == 1


async def test_a_restart_by_somebody_else_that_does_not_hold_is_done_again() -> None:
    manager = scripted(before=lambda age: STARTING if age < 5 else up(9) if age < 8 else STARTING)
    await restart(manager)
    assert manager.restarts == 1


def looping(every: float, *, since: float = 0.0, counted: bool = True) -> Script:
    """A process that its manager starts again and again."""

    def script(age: float) -> ProcessStatus:
        lives, within = divmod(age + since, every)
        started = SteppedClock().now() + age - within
        return up(int(lives) + 10, since=started, restarts=int(lives) if counted else 0)

    return script


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("every", [0.7, 3.0, 8.0])
async def test_a_process_that_is_in_a_restart_loop_is_not_restarted(
    every: float, counted: bool
) -> None:
    manager = scripted(before=looping(every, counted=counted))
    with pytest.raises(ActionFailed, match=r"shop is in a restart loop: \d+ starts in") as caught:
        await restart(manager)
    assert not caught.value.started
    assert manager.restarts == 0


async def test_a_loop_between_whose_starts_no_pid_is_seen_shows_by_the_time_of_the_last() -> None:
    manager = scripted(
        before=lambda age: ProcessStatus(ProcessState.STARTING, started_at=100 + int(age / 3) * 3)
    )
    with pytest.raises(ActionFailed, match=r"in a restart loop: 2 starts in 6\.0 s"):
        await restart(manager)
    assert manager.restarts == 0


async def test_a_process_that_lives_longer_than_it_has_to_is_not_in_a_loop() -> None:
    manager = scripted(before=looping(12.0, since=11.0))
    await restart(manager)
    assert manager.restarts == 1


async def test_a_young_process_is_restarted_once_it_has_come_to_rest() -> None:
    clock = SteppedClock()
    manager = scripted(before=up(1, since=clock.now() - 4))
    assert "pid 1 → 2" in await restart(manager, clock=clock)
    assert clock.monotonic() - 1_700_000_000 == pytest.approx(6 + 10)


async def test_a_young_process_that_is_started_anew_and_holds_was_restarted() -> None:
    now = SteppedClock().now()
    manager = scripted(before=lambda age: up(1, since=now) if age < 4 else up(2, since=now + 4))
    assert await restart(manager) == "shop was being restarted already: pid 2"


async def test_instances_that_are_restarted_one_by_one_are_no_loop() -> None:
    now = SteppedClock().now()
    rolling = [
        up(1, 2, 3, since=now),
        up(1, 2, 6, since=now, restarts=1),
        up(1, 5, 6, since=now, restarts=2),
    ]
    manager = scripted(
        before=lambda age: rolling[int(age)] if age < 3 else up(4, 5, 6, since=now, restarts=3)
    )
    assert await restart(manager) == "shop was being restarted already: pid 4, 5, 6"


async def test_a_restart_that_ends_in_a_loop_has_failed_before_its_time() -> None:
    clock = SteppedClock(now=0)
    after = looping(2.0, counted=False)
    manager = scripted(after=lambda age: STARTING if int(age * 2) % 2 else after(age))
    with pytest.raises(ActionFailed, match=r"it came up and was|restart loop") as caught:
        await restart(manager, clock=clock)
    assert caught.value.started
    assert clock.monotonic() < 10
    assert manager.restarts == 1


async def test_a_loop_that_is_never_seen_up_is_seen_by_its_count() -> None:
    def after(age: float) -> ProcessStatus:
        return ProcessStatus(ProcessState.STARTING, restarts=1 + int(age))

    with pytest.raises(ActionFailed, match=r"in a restart loop: 3 starts in 2\.0 s"):
        await restart(scripted(after=after))


async def test_what_a_blind_manager_did_is_not_claimed() -> None:
    manager = scripted(kind=BlindManager)
    assert await restart(manager) == "restarted shop; not seen, because its manager has no `status`"
    assert manager.orders == ["restart"]


async def test_down_is_not_the_end_where_a_start_looks_like_that() -> None:
    manager = scripted(kind=SlowManager, after=lambda age: DOWN if age < 5 else up(2))
    assert "in 5.0 s: pid 1 → 2" in await restart(manager)


async def test_twice_is_two_restarts_each_of_which_is_seen() -> None:
    manager = scripted()
    await restart(manager)
    manager._before, manager._after = (lambda _: up(2)), (lambda _: up(3))
    manager._restarted_at.clear()
    assert "pid 2 → 3" in await restart(manager)


def test_what_its_manager_can_never_do_is_said_at_start() -> None:
    cannot = Command.model_validate({"status": ["/opt/status"]})
    assert "has no `restart`" in str(Restart().objection(a_target(process=cannot)))
    assert Restart().objection(a_target(process=scripted(kind=SingleManager))) is None
    assert Restart().objection(a_target()) is None


async def test_time_ends_it() -> None:
    clock = SteppedClock(now=0)
    with pytest.raises(ActionTimedOut, match="did not come up in time"):
        await restart(scripted(after=STARTING), timeout=20, clock=clock)
    assert clock.monotonic() == pytest.approx(20, abs=1)


async def test_a_manager_that_never_answers_is_ended_at_the_timeout() -> None:
    class Silent(Manager):
        async def status(self, tools: Tools) -> ProcessStatus:
            await asyncio.sleep(60)
            return DOWN

    with pytest.raises(ActionTimedOut, match=r"no end within 0\.05 s"):
        await restart(Silent(), timeout=0.05)


async def test_a_target_without_a_process_was_not_touched() -> None:
    with pytest.raises(ActionFailed) as caught:
        await Restart().run(an_effect(a_target()), a_toolbox())
    assert not caught.value.started


def test_its_promises() -> None:
    action = Restart()
    assert action.idempotent
    assert action.disruptive
    assert action.needs() == "process"
    assert action.executables(a_target(process=Pm2(name="x"))) == ("pm2",)
    assert action.executables(a_target(process=Supervisor(name="x"))) == ()
    assert Restart.model_validate({"up_for": "1m"}).up_for == 60
