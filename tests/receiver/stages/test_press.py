from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from receiver.channels.buttons import Press, episode_mark
from receiver.decide.incident import Incident, State
from receiver.decide.values import changed
from receiver.journal import NEVER, Move
from receiver.stages.press import Pressed, press
from tests.receiver.rig import CONFIG, Rig, firing, resolved, rig

ANN = "ann (Slack U0ANN)"
AT_ONE, AT_TWO = Pressed(ANN, "slack", 1.0), Pressed(ANN, "slack", 2.0)


def bound_to(incident: Incident, word: str) -> Press:
    answers = word in {"approve", "deny"}
    mark = incident.progress.nonce if answers else episode_mark(incident.episode)
    return Press(word, incident.id, mark)


async def asked(made: Rig) -> Incident:
    """An incident that waits for an approval."""
    await made.deliver(firing())
    await made.settle()
    incident = await made.incident()
    assert incident.state is State.AWAITING_APPROVAL
    return incident


async def state(made: Rig) -> State:
    return (await made.incident()).state


async def test_an_approval_begins_what_was_asked_for() -> None:
    async with rig(mode="approve") as made:
        said = await press(bound_to(await asked(made), "approve"), AT_ONE, made.context)
        assert said.startswith("Approved.")
        await made.settle()
        assert made.programs.asked == [("/bin/true", "first")]
        (event,) = await made.events("approved")
        assert event["by"] == ANN


async def test_who_approved_what_is_told() -> None:
    async with rig(mode="approve") as made:
        await press(bound_to(await asked(made), "approve"), AT_ONE, made.context)
        told = [body for body in await made.told() if body["event"] == "approved"]
        assert [(body["title"], body["text"]) for body in told] == [
            (
                "[approved] too many errors",
                f'{ANN} approved it: run on shop with argv=["/bin/true", "first"].',
            )
        ]


@pytest.mark.parametrize("word", ["approve", "deny"])
async def test_an_answer_counts_once(word: str) -> None:
    async with rig(mode="approve") as made:
        said = bound_to(await asked(made), word)
        await press(said, AT_ONE, made.context)
        for again in (AT_ONE, AT_TWO):
            assert (await press(said, again, made.context)).startswith("Nothing was done")
        assert len(await made.events("approved" if word == "approve" else "denied")) == 1


async def test_of_two_answers_at_once_one_counts() -> None:
    async with rig(mode="approve") as made:
        incident = await asked(made)
        words = ("approve", "deny")
        presses = [press(bound_to(incident, word), AT_ONE, made.context) for word in words]
        answers = await asyncio.gather(*presses)
        assert sum(answer.startswith("Nothing was done") for answer in answers) == 1


@pytest.mark.parametrize("nonce", ["", "0123456789abcdef.AbCd-_gh1234", "x"])
async def test_an_answer_to_another_question_is_none(nonce: str) -> None:
    async with rig(mode="approve") as made:
        incident = await asked(made)
        said = await press(Press("approve", incident.id, nonce), AT_ONE, made.context)
        assert "was asked about anew" in said
        assert await state(made) is State.AWAITING_APPROVAL


async def test_an_approval_of_a_plan_that_has_changed_is_refused() -> None:
    async with rig(mode="approve") as made:
        before = await asked(made)

        def other_plan(incident: Incident) -> Move:
            # `command` writes what goes with a change of where it stands
            progress = changed(incident.progress, passes=1)
            return Move(changed(incident, rung=1, progress=progress), due=NEVER)

        await made.journal.command(before.id, other_plan, made.clock.now())
        said = await press(bound_to(before, "approve"), AT_ONE, made.context)
        assert "has changed since it was asked" in said
        await made.settle()
        assert made.programs.asked == []


async def test_an_answer_that_comes_too_late_is_refused_even_before_anybody_noticed() -> None:
    async with rig(mode="approve") as made:
        said = bound_to(await asked(made), "approve")
        made.clock.at += 30 * 86400
        assert "has expired" in await press(said, AT_ONE, made.context)


async def test_an_acknowledgement_is_one_and_the_second_is_told_who_was_first() -> None:
    async with rig(mode="approve") as made:
        said = bound_to(await asked(made), "acknowledge")
        for pressed in (AT_ONE, Pressed("bob (Slack U0BOB)", "slack", 2.0)):
            assert await press(said, pressed, made.context) == f"{ANN} has incident 1."
        assert [event["by"] for event in await made.events("acknowledged")] == [ANN]


async def test_a_resolve_ends_it_and_counts_once() -> None:
    async with rig(mode="approve") as made:
        said = bound_to(await asked(made), "resolve")
        assert await press(said, AT_ONE, made.context) == "Resolved."
        assert await state(made) is State.RESOLVED
        assert "cannot be resolved" in await press(said, AT_ONE, made.context)


async def test_an_old_button_says_nothing_to_an_incident_that_came_back() -> None:
    book = {**CONFIG["playbooks"][0], "reopen_window": "1h"}
    async with rig(playbooks=[book]) as made:
        await made.deliver(firing())
        await made.wait(30)
        old = bound_to(await made.incident(), "resolve")
        await made.deliver(resolved())
        await made.wait(30)
        again = {"startsAt": "2026-09-21T00:12:00Z", "fingerprint": "fp-shop"}
        await made.deliver(firing(**again))
        await made.settle()
        now = await made.incident()
        if now.id == old.incident:
            assert "has come back since" in await press(old, AT_ONE, made.context)
        else:
            assert "cannot be resolved" in await press(old, AT_ONE, made.context)


async def test_a_pause_stops_everything_and_is_told() -> None:
    async with rig(mode="approve") as made:
        incident = await asked(made)
        said = await press(bound_to(incident, "pause"), AT_ONE, made.context)
        assert said.startswith("Paused.")
        assert ANN in str(await made.journal.paused())
        frozen = [body["text"] for body in await made.told() if body["event"] == "acted"]
        assert frozen == [f"{ANN} paused all repairs: none begins until somebody resumes."]


async def test_a_pause_that_is_sent_again_after_somebody_resumed_changes_nothing() -> None:
    async with rig(mode="approve") as made:
        said = bound_to(await asked(made), "pause")
        await press(said, AT_ONE, made.context)
        await made.journal.resume("ops", made.clock.now())
        assert "counted already" in await press(said, AT_ONE, made.context)
        assert await made.journal.paused() is None
        assert (await press(said, AT_TWO, made.context)).startswith("Paused.")


async def test_a_pause_is_not_repeated_after_a_restart_either(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    async with rig(file=file, mode="approve") as made:
        said = bound_to(await asked(made), "pause")
        await press(said, AT_ONE, made.context)
        await made.journal.resume("ops", made.clock.now())
    async with rig(file=file, mode="approve") as made:
        assert "counted already" in await press(said, AT_ONE, made.context)
        assert await made.journal.paused() is None


@pytest.mark.parametrize("word", ["acknowledge", "approve", "deny", "resolve", "pause"])
async def test_a_button_of_an_incident_that_is_gone_changes_nothing(word: str) -> None:
    async with rig() as made:
        said = await press(Press(word, 77, "mark"), AT_ONE, made.context)
        assert said == "Nothing was done: there is no incident 77."
        assert await made.journal.paused() is None
