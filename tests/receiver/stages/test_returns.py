"""What comes back, comes too often, or is not helped: the whole way from the delivery to the message."""

from __future__ import annotations

from typing import Any

from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.tools import OutsideError
from tests.receiver.rig import CONFIG, Rig, firing, resolved, rig

EPOCH = 1_789_948_800  # 2026-09-21T00:00:00Z


def a_book(**changes: Any) -> list[dict[str, Any]]:
    return [{**CONFIG["playbooks"][0], "cooldown": "60s", **changes}]


def minutes(number: int, second: int = 0) -> str:
    return f"2026-09-21T{number // 60:02}:{number % 60:02}:{second:02}Z"


async def healed(made: Rig) -> None:
    """One alert, repaired, proven and over."""
    await made.deliver(firing())
    await made.settle()
    await made.wait(5)
    await made.deliver(resolved(endsAt=minutes(6)))
    await made.wait(3)
    assert (await made.incident()).reason is Reason.RECOVERED


async def test_what_is_back_goes_on_with_the_same_incident_after_the_cooldown() -> None:
    async with rig(playbooks=a_book()) as made:
        await healed(made)
        await made.deliver(firing(startsAt=minutes(7)))
        await made.settle()
        incident = await made.incident()
        assert (incident.id, incident.state, incident.reason) == (
            1,
            State.BLOCKED,
            Reason.COOLDOWN,
        )
        assert len(made.programs.asked) == 1
        await made.wait(60)
        assert made.programs.asked == [("/bin/true", "first")] * 2


async def test_i1_the_second_run_has_another_episode_and_another_id() -> None:
    async with rig(playbooks=a_book(cooldown="0")) as made:
        await healed(made)
        await made.deliver(firing(startsAt=minutes(7)))
        await made.settle()
        first, second = made.programs.environments
        assert first["PRUNELLA_EPISODE"] == f"fp-shop@{EPOCH}"
        assert second["PRUNELLA_EPISODE"] == f"fp-shop@{EPOCH + 420}"
        assert first["PRUNELLA_ACTION_ID"] != second["PRUNELLA_ACTION_ID"]


async def test_everybody_hears_of_it_again() -> None:
    async with rig(playbooks=a_book(cooldown="0")) as made:
        await healed(made)
        before = [body["event"] for body in await made.told()]
        await made.deliver(firing(startsAt=minutes(7)))
        await made.wait(5)
        await made.deliver(resolved(startsAt=minutes(7), endsAt=minutes(8)))
        await made.wait(3)
        again = (await made.told())[len(before) :]
        assert [body["event"] for body in again] == before
        assert "did not last" in again[0]["text"]


async def test_the_rung_that_did_not_last_is_followed_by_the_next_one() -> None:
    async with rig(playbooks=a_book(cooldown="0")) as made:
        await healed(made)
        made.http.status = 500
        await made.deliver(firing(startsAt=minutes(7)))
        await made.wait(14)
        assert [argv[1] for argv in made.programs.asked] == ["first", "first", "second"]


async def test_an_action_that_never_began_is_tried_once_more_after_a_return_as_well() -> None:
    async with rig(playbooks=a_book(cooldown="0")) as made:
        await healed(made)
        made.programs.error = OutsideError("no such program", sent=False)
        await made.deliver(firing(startsAt=minutes(7)))
        await made.settle()
        assert [argv[1] for argv in made.programs.asked][:4] == [
            "first",
            "first",
            "first",
            "second",
        ]


async def test_an_alert_that_flaps_is_handed_to_a_human() -> None:
    async with rig(limits={"flap": "2/1h"}, playbooks=a_book(**{"for": "10s"})) as made:
        for number in (10, 20, 30):
            await made.deliver(firing(startsAt=minutes(number)))
            await made.settle()
            if number < 30:
                await made.deliver(resolved(startsAt=minutes(number), endsAt=minutes(number + 1)))
                await made.settle()
        await made.wait(11)
        incident = await made.incident()
        assert (incident.state, incident.reason) == (State.ESCALATED, Reason.FLAPPING)
        assert not made.programs.asked
        assert (await made.told())[-1]["event"] == "escalated"


async def in_vain(made: Rig, number: int) -> None:
    """An alert whose whole ladder does not help, and which then ends."""
    begun = minutes(20 * number)
    await made.deliver(firing(startsAt=begun))
    await made.wait(40)
    assert (await made.incident()).state is State.ESCALATED
    await made.deliver(resolved(startsAt=begun, endsAt=minutes(20 * number + 10)))
    await made.settle()


async def test_a_playbook_that_does_not_help_is_stopped_with_one_page() -> None:
    limits = {"breaker": "2/1h", "per_target": "99/1h", "global": "99/1h"}
    async with rig(limits=limits, playbooks=a_book(cooldown="0")) as made:
        made.http.status = 500
        for number in (1, 2):
            await in_vain(made, number)
        acted = len(made.programs.asked)
        await made.deliver(firing("shop", startsAt=minutes(90)), firing("cache"))
        await made.settle()
        newest = await made.incident()
        assert (newest.state, newest.reason) == (State.BLOCKED, Reason.BREAKER_OPEN)
        assert len(made.programs.asked) == acted
        assert [row["scope"] for row in await made.events("frozen")] == ["playbook:errors"]
        made.http.status = 200
        assert [body["event"] for body in await made.told()].count("frozen") == 1


async def test_a_target_that_lacks_what_the_action_needs_is_said_to() -> None:
    ladder = [{"name": "restart", "action": "restart"}]
    async with rig(playbooks=a_book(ladder=ladder)) as made:
        await made.deliver(firing())
        await made.settle()
        assert (await made.incident()).reason is Reason.FACET_MISSING
