"""What is decided already when an alert comes in is written already then: the pipeline has nothing to do for it."""

from __future__ import annotations

from receiver.decide.incident import State
from receiver.decide.reason import Reason
from tests.receiver.rig import CONFIG, Rig, firing, resolved, rig

BOOK = CONFIG["playbooks"][0]
NOBODY = {"alertname": "Nobody"}


async def begun(made: Rig) -> tuple[State, Reason, list[str]]:
    incident = await made.incident()
    return incident.state, incident.reason, [row["ev"] for row in await made.events()]


async def test_what_no_playbook_answers_is_a_humans_at_once() -> None:
    async with rig() as made:
        receipt = await made.deliver(firing("shop", labels=NOBODY))
        assert await begun(made) == (
            *(State.ESCALATED, Reason.NO_PLAYBOOK),
            ["received", "opened", "refused"],
        )
        assert receipt.stirs  # there is a letter
        assert await made.pipeline.work_off() == 0
        assert [body["event"] for body in await made.told()] == ["opened"]


async def test_without_a_channel_nothing_is_left_to_do() -> None:
    async with rig(channels={}) as made:
        assert not (await made.deliver(firing(labels=NOBODY))).stirs
        assert await made.journal.next_due() is None


async def test_its_end_is_its_end() -> None:
    async with rig() as made:
        await made.deliver(firing(labels=NOBODY))
        await made.deliver(resolved(labels=NOBODY))
        await made.settle()
        assert (await made.incident()).state is State.RESOLVED
        assert [body["event"] for body in await made.told()] == ["opened", "resolved"]


async def test_one_that_ends_in_the_delivery_that_opened_it_is_not_forgotten() -> None:
    async with rig() as made:
        await made.deliver(firing(labels=NOBODY), resolved(labels=NOBODY))
        await made.settle()
        assert (await made.incident()).state is State.RESOLVED


async def test_i12_what_has_no_target_is_refused_and_escalated_at_once() -> None:
    async with rig() as made:
        await made.deliver(firing("elsewhere"))
        assert await begun(made) == (
            *(State.ESCALATED, Reason.UNKNOWN_TARGET),
            ["received", "opened", "refused", "escalated"],
        )
        assert await made.pipeline.work_off() == 0
        assert [body["event"] for body in await made.told()] == ["opened", "escalated"]


async def test_whoever_is_called_later_is_still_called() -> None:
    steps = [{"after": "0m", "notify": ["ops"]}, {"after": "30m", "notify": ["ops"]}]
    book = {**BOOK, "escalate": "oncall"}
    async with rig(playbooks=[book], escalation={"oncall": steps}) as made:
        await made.deliver(firing("elsewhere"))
        await made.wait(1799)
        assert [body["event"] for body in await made.told()] == ["opened", "escalated"]
        await made.wait(2)
        assert [body["event"] for body in await made.told()][2:] == ["escalated"]


async def test_what_is_held_first_says_so_at_once() -> None:
    async with rig(playbooks=[{**BOOK, "for": "5m"}]) as made:
        await made.deliver(firing())
        assert (await begun(made))[:2] == (State.HOLD, Reason.HOLDING)
        assert await made.journal.next_due() == made.clock.at + 300


async def test_what_may_be_repaired_stands_before_the_guards() -> None:
    async with rig() as made:
        await made.deliver(firing())
        assert (await begun(made))[:2] == (State.GATING, Reason.FIRING)
        await made.settle()
        assert made.programs.asked == [("/bin/true", "first")]
