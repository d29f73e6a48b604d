"""What a channel gets besides words: where it left off, what is asked of a human, and that it is over."""

from __future__ import annotations

from dataclasses import replace

from receiver.channels.base import THREAD_MOST, Notice
from receiver.journal import Letter
from receiver.stages import command
from receiver.stages.notify import body_of
from tests.receiver.channels.notices import a_notice
from tests.receiver.rig import Rig, firing, resolved, rig
from tests.receiver.stages.listening import listening, send


async def heard(made: Rig, *says: str | None) -> list[Notice]:
    """Everything that is due, sent to a channel that answers so."""
    channel = listening(made)
    channel.says = list(says)
    await send(made)
    return channel.notices


async def test_what_a_channel_says_comes_back_with_its_next_notice() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.settle()
        notices = await heard(made, "17.4", None)
        assert [one.thread for one in notices] == ["", "17.4"]
        await made.deliver(resolved())
        await made.wait(3)
        assert {one.thread for one in await heard(made)} == {"17.4"}


async def test_what_is_of_no_incident_begins_no_thread() -> None:
    """Digests and news of deploys: the next one is about something else."""
    async with rig() as made:
        for number in (1, 2):
            notice = a_notice(event="release")
            about = replace(notice, incident=0, dedup_key=f"release-{number}")
            letter = Letter("ops", "release", body_of(about), about.dedup_key)
            await made.journal.record([], [letter], made.clock.at)
        assert [one.thread for one in await heard(made, "17.4", "17.5")] == ["", ""]


async def test_a_channel_that_says_too_much_is_not_quoted() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.settle()
        notices = await heard(made, "x" * (THREAD_MOST + 1))
        assert [one.thread for one in notices] == ["", ""]


async def test_only_the_last_notice_says_that_it_is_over() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.wait(5)
        await made.deliver(resolved())
        await made.wait(3)
        assert [one.event for one in await heard(made) if one.ended] == ["resolved"]


async def test_a_question_says_what_would_be_done_and_until_when() -> None:
    async with rig(mode="approve") as made:
        await made.deliver(firing())
        await made.settle()
        opened, asked = await heard(made)
        incident = await made.incident()
        assert opened.question is None
        assert asked.question is not None
        assert asked.question.plan == 'run on shop with argv=["/bin/true", "first"]'
        assert asked.question.until == incident.progress.since + 1800
        assert asked.question.nonce == incident.progress.nonce
        # Telegram takes 64 bytes, with more in them
        assert len(asked.question.nonce.encode()) <= 40


async def test_every_plan_is_asked_for_with_a_nonce_of_its_own() -> None:
    async with rig(mode="approve") as made:
        await made.deliver(firing())
        await made.settle()
        await command.approve((await made.incident()).id, "ann", made.context)
        made.http.status = 500
        await made.wait(20)
        asked = [one.question for one in await heard(made) if one.question is not None]
        assert len({one.nonce for one in asked}) == len(asked) == 2


async def test_what_was_written_before_an_update_is_still_read() -> None:
    """A letter of a receiver that knew neither facts nor threads."""
    async with rig() as made:
        await made.deliver(firing())
        await made.settle()
        (posting,) = await made.journal.postings("ops", made.clock.at, 1)
        old = {key: posting.letter.body[key] for key in ("event", "incident", "episode", "step")}
        old |= {key: posting.letter.body[key] for key in ("severity", "title", "text", "at")}
        letter = replace(posting.letter, body={**old, "dedup_key": "old"}, dedup="old")
        await made.journal.record([], [letter], made.clock.at)
        assert "old" in [one.dedup_key for one in await heard(made)]
