from __future__ import annotations

from receiver.decide.incident import State
from receiver.decide.maintenance import Window
from receiver.decide.matchers import parse_matchers
from tests.receiver.rig import CONFIG, Rig, firing, resolved, rig

BOOK = CONFIG["playbooks"][0]


async def begin(
    made: Rig, seconds: float = 600.0, matchers: str = 'service="shop"', after: float = 0.0
) -> int:
    now = made.clock.now()
    began = now + after
    window = Window(parse_matchers(matchers), began, began + seconds, "upgrade", "ann")
    return await made.journal.open_window(window, now)


async def test_i9_nothing_is_repaired_in_a_maintenance_window() -> None:
    async with rig() as made:
        await begin(made)
        await made.deliver(firing())
        await made.settle()
        incident = await made.incident()
        assert (incident.state, str(incident.reason)) == (State.BLOCKED, "maintenance")
        assert made.programs.asked == []


async def test_what_is_announced_for_later_holds_nothing_back_yet() -> None:
    async with rig() as made:
        await begin(made, after=3600)
        await made.deliver(firing())
        await made.settle()
        assert len(made.programs.asked) == 1


async def test_i9_what_was_announced_holds_from_its_beginning() -> None:
    async with rig() as made:
        await begin(made, after=60)
        await made.wait(60)
        await made.deliver(firing())
        await made.settle()
        assert made.programs.asked == []


async def test_i9_a_window_that_opens_while_an_incident_waits_holds_it() -> None:
    async with rig() as made:
        await made.journal.pause("ops", "", made.clock.now())
        await made.deliver(firing())
        await made.settle()
        await begin(made)
        await made.journal.resume("ops", made.clock.now())
        await made.settle()
        assert made.programs.asked == []


async def test_the_repair_begins_when_the_window_ends_by_itself() -> None:
    async with rig(limits={"max_age": "1h"}) as made:
        await begin(made, 100)
        await made.deliver(firing())
        await made.wait(99)
        assert made.programs.asked == []
        await made.wait(2)
        assert len(made.programs.asked) == 1


async def test_the_repair_begins_at_once_when_somebody_ends_the_window() -> None:
    async with rig() as made:
        number = await begin(made)
        await made.deliver(firing())
        await made.settle()
        await made.journal.close_window(number, "ann", made.clock.now())
        await made.settle()
        assert len(made.programs.asked) == 1


async def test_a_window_longer_than_blocked_max_calls_nobody() -> None:
    async with rig(playbooks=[{**BOOK, "blocked_max": "1m"}]) as made:
        await begin(made, 3600)
        await made.deliver(firing())
        await made.wait(1800, step=10)
        assert (await made.incident()).state is State.BLOCKED
        assert await made.events("escalated") == []


async def test_after_the_window_blocked_max_counts_from_its_end() -> None:
    async with rig(playbooks=[{**BOOK, "blocked_max": "2m"}]) as made:
        await begin(made, 300)
        await made.journal.pause("ops", "", made.clock.now())
        await made.deliver(firing())
        await made.wait(390, step=5)
        assert (await made.incident()).state is State.BLOCKED
        await made.wait(90, step=5)
        assert str((await made.incident()).reason) == "blocked_too_long"


async def test_an_alert_that_the_window_does_not_match_is_repaired() -> None:
    async with rig() as made:
        await begin(made, matchers='service="cache"')
        await made.deliver(firing())
        await made.settle()
        assert len(made.programs.asked) == 1


async def test_of_announced_work_that_ends_with_its_alert_nobody_hears_but_the_journal() -> None:
    async with rig() as made:
        await begin(made)
        await made.deliver(firing())
        await made.wait(120, step=10)
        assert await made.told() == []
        await made.deliver(resolved())
        await made.settle()
        made.clock.at += 60
        assert (await made.incident()).state is State.RESOLVED
        assert await made.told() == []
        muted = [row["event"] for row in await made.events("muted")]
        assert muted == ["opened", "blocked", "resolved"]
        assert [row["reason"] for row in await made.events("refused")] == ["maintenance"]


async def test_what_outlasts_the_window_is_told_when_it_is_over() -> None:
    async with rig(limits={"max_age": "1h"}) as made:
        await begin(made, 100)
        await made.deliver(firing())
        await made.settle()
        assert await made.told() == []
        await made.wait(121)
        told = [body["event"] for body in await made.told()]
        assert told[:3] == ["opened", "blocked", "acted"]


async def test_who_heard_of_it_before_the_window_hears_its_end_in_it() -> None:
    async with rig() as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.settle()
        made.http.status = 200
        assert [body["event"] for body in await made.told()] == ["opened", "acted"]
        made.clock.at += 1
        await begin(made)
        await made.deliver(resolved())
        await made.wait(3)
        assert (await made.told())[-1]["event"] == "resolved"


async def test_what_was_written_before_the_window_is_told_in_it() -> None:
    async with rig() as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.settle()
        made.clock.at += 1
        await begin(made)
        made.http.status = 200
        assert [body["event"] for body in await made.told()] == ["opened", "acted"]
        await made.deliver(resolved())
        await made.wait(3)
        assert (await made.told())[-1]["event"] == "resolved"
        assert await made.events("muted") == []


async def test_a_window_over_something_else_changes_nothing_about_who_hears_the_end() -> None:
    async with rig() as made:
        await begin(made, matchers='service="other"')
        made.clock.at += 1
        await made.deliver(firing())
        await made.settle()
        await made.told()
        made.clock.at += 1
        await begin(made)
        await made.deliver(resolved())
        await made.wait(3)
        assert (await made.told())[-1]["event"] == "resolved"


async def test_what_the_window_does_not_cover_is_told_at_once() -> None:
    async with rig() as made:
        await begin(made, matchers='service="other"')
        await made.deliver(firing())
        await made.settle()
        assert [body["event"] for body in await made.told()] == ["opened", "acted"]
