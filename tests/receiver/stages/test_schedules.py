"""What is done at its time: once, under all guards, proven, and told only where there is something to tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from prunella.metrics import REGISTRY
from receiver.actions import ACTIONS
from receiver.actions.base import Action, ActionFailed, Done, Effect
from receiver.decide.incident import Incident, State
from receiver.decide.maintenance import Window
from receiver.decide.matchers import parse_matchers
from receiver.decide.schedule import Schedule
from receiver.journal import Page
from receiver.stages import command
from receiver.stages.schedules import Scheduler
from receiver.tools import Tools
from tests.receiver.rig import Rig, rig

HOUR = 3600.0


class Sweep(Action):
    """Finds so much to clean as it is told, or fails."""

    found: int = 0
    fails: bool = False
    seen: ClassVar[list[tuple[str, str]]] = []

    async def run(self, effect: Effect, tools: Tools) -> Done:
        self.seen.append((effect.target.name, effect.episode))
        if self.fails:
            raise ActionFailed("the broom is broken")
        return Done(f"{self.found} swept", {"stuckJobs": self.found})


@pytest.fixture(autouse=True)
def _sweep() -> Iterator[None]:
    ACTIONS["sweep"] = Sweep
    Sweep.seen.clear()
    yield
    del ACTIONS["sweep"]


def every(cron: str = "0 * * * *", **more: Any) -> list[dict[str, Any]]:
    return [{"name": "heal", "cron": cron, "action": "sweep", "on": ["shop"], **more}]


async def lives(made: Rig, seconds: float, step: float = 60.0) -> None:
    """Time passes, with somebody who looks at the schedules."""
    scheduler, end = Scheduler(made.context), made.clock.at + seconds
    while made.clock.at < end:
        await scheduler.once()
        await made.settle()
        made.clock.at = min(end, made.clock.at + step)
    await scheduler.once()
    await made.wait(10)


async def incidents(made: Rig) -> Sequence[Incident]:
    return await made.journal.incidents(Page())


async def told(made: Rig) -> list[str]:
    return [body["event"] for body in await made.told()]


async def test_it_is_done_at_its_time_proven_closed_and_nobody_is_bothered() -> None:
    async with rig(schedules=every()) as made:
        await lives(made, 2 * HOUR)
        found = await incidents(made)
        assert [one.state for one in found] == [State.RESOLVED] * 2
        assert [target for target, _ in Sweep.seen] == ["shop"] * 2
        assert Sweep.seen[0][1] == f"schedule-1@{int(found[-1].opened_at)}"
        assert [row["ev"] for row in await made.events()][:5] == [
            *("opened", "intent", "outcome", "verdict", "resolved")
        ]
        assert await told(made) == []


async def test_what_it_found_and_healed_is_told_and_nothing_else() -> None:
    async with rig(schedules=every(options={"found": 3})) as made:
        await lives(made, HOUR)
        (letter,) = await made.told()
        assert letter["event"] == "acted"
        assert "3 swept" in letter["text"]


async def test_i15_what_is_not_well_afterwards_is_told_to_those_who_are_named() -> None:
    channels = {
        name: {"kind": "webhook", "url": "http://127.0.0.1:2/hook"} for name in ("ops", "pager")
    }
    escalation = {"oncall": [{"after": "0m", "notify": ["pager"]}]}
    schedules = every(notify=["ops"], escalate="oncall")
    async with rig(schedules=schedules, channels=channels, escalation=escalation) as made:
        made.http.status = 503
        await lives(made, HOUR + 200)
        made.http.status = 200
        assert (await incidents(made))[0].state is State.ESCALATED
        assert [body["event"] for body in await made.told("pager")] == ["escalated"]
        assert await told(made) == ["escalated", "ineffective", "escalated"]


async def test_one_that_fails_calls_a_human_who_is_told_when_it_is_over() -> None:
    async with rig(schedules=every(options={"fails": True})) as made:
        await lives(made, HOUR)
        (incident,) = await incidents(made)
        assert incident.state is State.ESCALATED
        await command.resolve(incident.id, "ann", made.context)
        assert await told(made) == ["acted", "ineffective", "escalated", "resolved"]


async def test_one_that_failed_is_done_again_at_its_next_time() -> None:
    async with rig(schedules=every(options={"fails": True})) as made:
        await lives(made, 2 * HOUR)
        assert len(Sweep.seen) == 2


async def test_what_was_missed_while_nobody_was_there_is_made_up_for_once() -> None:
    async with rig(schedules=every("*/10 * * * *")) as made:
        await lives(made, 60)
        made.clock.at += 45 * 60
        await lives(made, 60)
        assert len(Sweep.seen) == 1


async def test_what_was_missed_for_too_long_is_said_once_and_left() -> None:
    async with rig(schedules=every("0 0 * * *", grace="10m")) as made:
        await lives(made, 60)
        made.clock.at += 25 * HOUR
        await lives(made, 60)
        await lives(made, 60)
        assert Sweep.seen == []
        (row,) = await made.events("skipped")
        assert (row["schedule"], row["reason"]) == ("heal", "too_late")


async def test_one_that_is_new_begins_with_its_next_time() -> None:
    async with rig() as made:
        await lives(made, 2 * HOUR)
        schedules = tuple(map(Schedule.model_validate, every()))
        made.settings = made.settings.model_copy(update={"schedules": schedules})
        await lives(made, 120)
        assert Sweep.seen == []
        await lives(made, HOUR)
        assert len(Sweep.seen) == 1


async def test_one_whose_times_are_changed_and_changed_back_makes_up_for_nothing() -> None:
    async with rig(schedules=every()) as made:
        scheduler, hourly = Scheduler(made.context), made.settings
        await scheduler.once()
        monthly = tuple(map(Schedule.model_validate, every("0 0 1 * *")))
        made.settings = hourly.model_copy(update={"schedules": monthly})
        for _ in range(2):
            made.clock.at += HOUR / 2
            assert await scheduler.once() == 0
        made.settings = hourly
        assert await scheduler.once() == 0
        made.clock.at += HOUR
        assert await scheduler.once() == 1


async def test_a_clock_that_is_set_back_repeats_nothing() -> None:
    async with rig(schedules=every()) as made:
        await lives(made, 3 * HOUR)
        assert len(Sweep.seen) == 3
        made.clock.at -= 2.5 * HOUR
        await lives(made, 2.4 * HOUR)
        assert len(Sweep.seen) == 3
        await lives(made, 1.1 * HOUR)
        assert len(Sweep.seen) == 4


async def test_two_who_look_at_once_open_one_incident() -> None:
    async with rig(schedules=every(on=["shop", "cache"])) as made:
        one, other = Scheduler(made.context), Scheduler(made.context)
        assert await one.once() + await other.once() == 0
        made.clock.at += HOUR
        assert (await one.once(), await other.once()) == (2, 0)


async def test_i16_in_shadow_it_is_recorded_and_nothing_is_done() -> None:
    async with rig(schedules=every(), mode="shadow") as made:
        await lives(made, HOUR)
        (incident,) = await incidents(made)
        assert (incident.state, str(incident.reason)) == (State.RESOLVED, "shadow")
        assert [row["reason"] for row in await made.events("refused")] == ["shadow"]
        assert Sweep.seen == []
        assert await told(made) == []


async def test_a_ceiling_of_approve_has_somebody_asked_and_no_answer_is_no() -> None:
    async with rig(schedules=every(), mode="approve") as made:
        await lives(made, HOUR)
        assert (await made.incident()).state is State.AWAITING_APPROVAL
        await made.wait(1900, step=10)
        assert str((await made.incident()).reason) == "approval_expired"
        assert (await made.incident()).state is State.RESOLVED
        assert Sweep.seen == []
        assert await told(made) == ["approval_requested"]


async def test_an_approved_one_is_done() -> None:
    async with rig(schedules=every(), mode="approve") as made:
        await lives(made, HOUR)
        await command.approve((await made.incident()).id, "ann", made.context)
        await made.wait(10)
        assert len(Sweep.seen) == 1


async def test_one_that_is_denied_is_over_until_its_next_time() -> None:
    async with rig(schedules=every(), mode="approve") as made:
        await lives(made, HOUR)
        await command.deny((await made.incident()).id, "ann", made.context)
        await made.wait(60)
        incident = await made.incident()
        assert (incident.state, str(incident.reason)) == (State.RESOLVED, "approval_denied")
        assert Sweep.seen == []
        await lives(made, HOUR)
        assert (await made.incident()).state is State.AWAITING_APPROVAL


@pytest.mark.parametrize(("matchers", "done"), [('service="shop"', 0), ('service="other"', 1)])
async def test_i9_a_maintenance_window_of_its_target_holds_it_back(
    matchers: str, done: int
) -> None:
    async with rig(schedules=every(grace="5m")) as made:
        now = made.clock.at
        await made.journal.open_window(
            Window(parse_matchers(matchers), now, now + 2 * HOUR, "", "ann"), now
        )
        await lives(made, 1.5 * HOUR)
        assert len(Sweep.seen) == done
        reason = "maintenance" if not done else None
        assert [row["reason"] for row in await made.events("refused")] == [reason][: 1 - done]


async def test_i10_what_is_held_back_for_too_long_is_left_to_its_next_time(tmp_path: Path) -> None:
    stop = tmp_path / "STOP"
    stop.touch()
    async with rig(schedules=every("0 0 * * *", grace="10m"), stop_file=str(stop)) as made:
        made.clock.at += -(made.clock.at % 86400.0) + 86400.0 - 60.0
        await lives(made, 1000)
        incident = await made.incident()
        assert (incident.state, str(incident.reason)) == (State.RESOLVED, "blocked_too_long")
        stop.unlink()
        await made.wait(60)
        assert Sweep.seen == []
        assert await told(made) == []


async def test_i3_it_counts_against_the_limits() -> None:
    async with rig(schedules=every("*/5 * * * *"), limits={"per_target": "2/1h"}) as made:
        await lives(made, 1800)
        assert len(Sweep.seen) == 2
        assert [row["scope"] for row in await made.events("frozen")] == ["target:shop"]


async def test_while_the_last_run_waits_no_other_begins() -> None:
    async with rig(schedules=every("*/5 * * * *")) as made:
        await made.journal.pause("ann", "", made.clock.at)
        await lives(made, 1200)
        assert len(await incidents(made)) == 1
        assert {row["reason"] for row in await made.events("skipped")} == {"overlapping"}


async def test_when_it_was_done_and_will_be_is_a_metric_that_goes_with_it() -> None:
    def shown(name: str) -> float | None:
        metric = f"prunella_schedule_{name}_run_timestamp_seconds"
        return REGISTRY.get_sample_value(metric, {"schedule": "heal"})

    async with rig(schedules=every()) as made:
        scheduler, begun = Scheduler(made.context), made.clock.at
        await scheduler.once()
        nearest = (begun // HOUR + 1) * HOUR
        assert (shown("last"), shown("next")) == (0.0, nearest)
        made.clock.at = nearest + 1
        await scheduler.once()
        assert (shown("last"), shown("next")) == (nearest, nearest + HOUR)
        made.settings = made.settings.model_copy(update={"schedules": ()})
        await scheduler.once()
        assert (shown("last"), shown("next")) == (None, None)


async def test_how_long_alerts_wait_is_measured_without_it() -> None:
    def counted(name: str) -> float | None:
        return REGISTRY.get_sample_value(f"prunella_time_to_{name}_seconds_count")

    before = (counted("act"), counted("heal"))
    async with rig(schedules=every()) as made:
        await lives(made, HOUR)
        assert (await made.incident()).state is State.RESOLVED
    assert (counted("act"), counted("heal")) == before
