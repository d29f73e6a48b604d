"""What becomes of a letter: taken, tried again, given up or passed on; and what one channel costs the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from prunella.metrics import REGISTRY
from receiver.channels.base import ChannelError
from receiver.journal import Letter
from receiver.stages.notify import body_of
from receiver.stages.sender import Sender
from tests.receiver.channels.notices import a_notice
from tests.receiver.rig import Rig, firing, resolved, rig
from tests.receiver.stages.listening import listening, pass_time, send


def counted(result: str, channel: str = "ops") -> float:
    labels = {"channel": channel, "result": result}
    return REGISTRY.get_sample_value("prunella_notifications_total", labels) or 0.0


async def write(made: Rig, *incidents: int, channel: str = "ops", event: str = "acted") -> None:
    """A letter for each, as `letters` writes them."""
    for number in incidents:
        notice = replace(a_notice(event=event), incident=number, dedup_key=f"d-{number}-{event}")
        letter = Letter(channel, event, body_of(notice), notice.dedup_key)
        await made.journal.record([], [letter], made.clock.now())


async def test_i8_a_channel_that_is_down_for_an_hour_gets_everything_later_in_order() -> None:
    async with rig() as made:
        ops = listening(made)
        ops.fails = ChannelError("connection refused")
        await made.deliver(firing(), firing("cache"))
        await made.wait(5)
        await pass_time(made, 1800, step=10)
        await made.deliver(resolved())
        await made.wait(3)
        await pass_time(made, 1800, step=10)
        assert ops.notices == []
        ops.fails = None
        await pass_time(made, 120)
        mine = [one.event for one in ops.notices if one.incident == 1]
        assert mine == ["opened", "acted", "healed", "resolved"]
        assert (await made.journal.backlog()) == {}


async def test_i8_a_lost_answer_is_asked_for_again_with_the_same_key() -> None:
    async with rig() as made:
        ops, before = listening(made), counted("unknown")
        ops.says = [ChannelError("no answer within 10 s", unknown=True)]
        await write(made, 1)
        await pass_time(made, 5)
        assert [one.dedup_key for one in ops.notices] == ["d-1-acted"]
        assert counted("unknown") == before + 1


async def test_a_service_that_asks_for_time_gets_it_from_every_letter() -> None:
    async with rig() as made:
        ops = listening(made)
        ops.says = [ChannelError("answered with 429", retry_after=30.0)]
        await write(made, 1, 2, 3)
        begun = made.clock.at
        await pass_time(made, 29)
        assert ops.notices == []
        await pass_time(made, 3)
        assert sorted(one.incident for one in ops.notices) == [1, 2, 3]
        assert min(ops.times) >= begun + 30


async def test_a_storm_of_429_ends_with_everything_delivered_and_few_questions_asked() -> None:
    async with rig() as made:
        ops = listening(made)
        ops.says = [ChannelError("answered with 429", retry_after=20.0) for _ in range(10)]
        await write(made, *range(1, 31))
        await pass_time(made, 300)
        assert len(ops.notices) == 30
        assert ops.says == []


async def test_a_service_that_is_down_is_not_asked_for_every_letter() -> None:
    async with rig() as made:
        ops, before = listening(made), counted("retry")
        ops.fails = ChannelError("answered with 503")
        await write(made, *range(1, 101))
        await pass_time(made, 60)
        assert counted("retry") - before <= 30


async def test_one_letter_that_is_not_taken_holds_up_no_other_incident() -> None:
    async with rig() as made:
        ops = listening(made)
        ops.says = [ChannelError("answered with 500")]
        await write(made, 1, 2)
        await pass_time(made, 3)
        assert [one.incident for one in ops.notices] == [2, 1]


async def test_no_more_goes_out_than_the_rate_allows() -> None:
    async with rig() as made:
        ops = listening(made, rate="3/10s")
        await write(made, *range(1, 11))
        await pass_time(made, 40)
        assert len(ops.notices) == 10
        assert all(sum(at <= one < at + 10 for one in ops.times) <= 3 for at in ops.times)


async def test_i8_what_can_never_be_delivered_goes_to_the_fallback_once_and_marked() -> None:
    async with rig() as made:
        ops, backup = listening(made, fallback="backup"), listening(made, "backup", fallback="ops")
        ops.fails = backup.fails = ChannelError("answered with 404", permanent=True)
        await write(made, 1)
        await send(made)
        await send(made, "backup", "ops", "backup")
        assert len(await made.events("undeliverable")) == 2
        backup.fails = None
        await write(made, 2)
        await send(made, "ops", "backup")
        (told,) = backup.notices
        assert told.title == "[firing] shop is down (could not be delivered to ops)"
        assert (told.incident, told.event) == (2, "acted")


async def test_where_there_is_a_fallback_a_channel_is_not_tried_for_long() -> None:
    async with rig() as made:
        ops, backup = listening(made, fallback="backup"), listening(made, "backup")
        ops.fails, before = ChannelError("connection refused"), counted("gave_up")
        await write(made, 1)
        await pass_time(made, 890, "ops", "backup", step=10)
        assert backup.notices == []
        await pass_time(made, 120, "ops", "backup", step=10)
        assert len(backup.notices) == 1
        assert counted("gave_up") == before + 1


async def test_a_service_that_asks_for_an_hour_does_not_keep_the_fallback_waiting() -> None:
    async with rig() as made:
        ops, backup = listening(made, fallback="backup"), listening(made, "backup")
        ops.fails = ChannelError("answered with 429", retry_after=3600.0)
        await write(made, 1, 2)
        await pass_time(made, 880, "ops", "backup", step=10)
        assert backup.notices == []
        await pass_time(made, 60, "ops", "backup", step=10)
        assert sorted(one.incident for one in backup.notices) == [1, 2]


async def test_what_is_told_together_and_cannot_be_delivered_is_passed_on_as_well() -> None:
    async with rig() as made:
        ops = listening(made, fallback="backup", digest_above=1)
        backup = listening(made, "backup", events=["test"])
        await made.deliver(firing("a"), firing("b"), firing("c"))
        ops.fails = ChannelError("answered with 404", permanent=True)
        await send(made)
        made.clock.at += 70
        await send(made, "ops", "backup")
        assert [(one.event, one.title) for one in backup.notices if not one.incident] == [
            (
                "escalated",
                "[escalated] 2 more need a human: 2 escalated (could not be delivered to ops)",
            ),
            ("digest", "[digest] 2 messages: 2 opened (could not be delivered to ops)"),
        ]


async def test_what_was_passed_on_and_is_told_together_there_goes_nowhere_else() -> None:
    async with rig() as made:
        ops = listening(made, fallback="backup", digest_above=None)
        backup = listening(made, "backup", fallback="ops", digest_above=1)
        ops.fails = ChannelError("answered with 404", permanent=True)
        await write(made, 1, 2, 3, event="opened")
        await send(made, "ops", "backup")
        made.clock.at += 70
        backup.fails, ops.fails = ops.fails, None
        await send(made, "backup", "ops")
        assert ops.notices == []
        assert [row["channel"] for row in await made.events("undeliverable")][-1] == "backup"


async def test_a_digest_says_whose_letters_it_tells() -> None:
    async with rig() as made:
        ops = listening(made, fallback="backup", digest_above=None)
        backup = listening(made, "backup", digest_above=1)
        ops.fails = ChannelError("answered with 404", permanent=True)
        await write(made, 1, 2, 3, event="opened")
        await send(made, "ops")
        made.clock.at += 70
        await send(made, "backup")
        title = "[digest] 2 messages: 2 opened (could not be delivered to ops)"
        assert [one.title for one in backup.notices][1:] == [title]


async def test_a_channel_that_never_comes_to_an_end_is_cut_off() -> None:
    async with rig() as made:
        ops = listening(made, timeout="10ms")
        ops.hangs = True
        await write(made, 1)
        async with asyncio.timeout(20):
            await send(made)
        ops.hangs = False
        await pass_time(made, 5)
        assert [one.incident for one in ops.notices] == [1]


async def test_a_hung_channel_holds_up_no_other() -> None:
    async with rig() as made:
        ops, other = listening(made), listening(made, "other")
        ops.hangs = True
        await write(made, 1)
        await write(made, 1, channel="other")
        hung = asyncio.create_task(Sender(made.context, "ops").deliver_due())
        await send(made, "other")
        assert other.events == ["acted"]
        hung.cancel()


async def test_a_fault_in_a_channel_holds_up_no_other_letter() -> None:
    async with rig() as made:
        ops = listening(made)
        ops.says = [KeyError("ts")]
        await write(made, 1, 2)
        await pass_time(made, 5)
        assert sorted(one.incident for one in ops.notices) == [1, 2]


async def test_what_came_in_quiet_hours_is_told_together_in_the_morning() -> None:
    async with rig() as made:
        made.clock.at = 1_789_941_600.0 + 21 * 3600  # 19:00 UTC
        quiet = {"from": "18:00", "to": "06:00"}
        ops = listening(made, quiet=quiet)
        starts = {"startsAt": "2026-09-21T18:55:00Z"}
        await made.deliver(firing("warm", labels={"severity": "warning"}, **starts))
        await made.deliver(firing("hot", labels={"severity": "critical"}, **starts))
        await made.settle()
        await send(made)
        assert {one.severity for one in ops.notices} == {"critical"}
        count = len(ops.notices)
        await pass_time(made, 11 * 3600 + 60, step=600)
        (digest,) = ops.notices[count:]
        assert digest.title == "[digest] 2 messages: 1 opened, 1 escalated"
        assert "quiet hours" in digest.text


async def test_the_end_of_what_was_told_by_day_is_told_by_itself_in_quiet_hours_too() -> None:
    async with rig(playbooks=[]) as made:
        made.clock.at = 1_789_941_600.0 + 19.5 * 3600  # 17:30 UTC
        ops = listening(made, quiet={"from": "18:00", "to": "06:00"})
        labels = {"severity": "warning"}
        starts = {"startsAt": "2026-09-21T17:25:00Z"}
        await made.deliver(firing("warm", labels=labels, **starts))
        await made.settle()
        await send(made)
        assert ops.events == ["opened"]
        made.clock.at += 7200
        await made.deliver(firing("lukewarm", labels=labels, startsAt="2026-09-21T19:29:00Z"))
        ends = {"endsAt": "2026-09-21T19:29:00Z"}
        await made.deliver(resolved("warm", labels=labels, **starts, **ends))
        await made.settle()
        await send(made)
        assert ops.events == ["opened", "resolved"]
