"""What a delivery says is held against the clock before anything is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from prunella.metrics import REGISTRY
from receiver.decide.incident import State
from receiver.stages.intake import LARGE
from tests.receiver.rig import CONFIG, START, Rig, firing, resolved, rig

HOUR, DAY = 3600.0, 86_400.0


def at(seconds: float) -> str:
    """That long after START, as Alertmanager writes it."""
    return f"{datetime.fromtimestamp(START + seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def set_aside() -> float:
    labels = {"status": "unknown", "kind": "quarantined"}
    return REGISTRY.get_sample_value("prunella_alerts_total", labels) or 0.0


def cut_short() -> float:
    return REGISTRY.get_sample_value("prunella_deliveries_truncated_total") or 0.0


async def ran(made: Rig, *alerts: Mapping[str, Any], **root: str | int) -> int:
    """How many actions a delivery has led to."""
    await made.deliver(*alerts, **root)
    await made.settle()
    return len(made.programs.asked)


@pytest.mark.parametrize("lie", [{"endsAt": at(-HOUR)}, {"startsAt": at(73 * 365 * DAY)}])
@pytest.mark.parametrize("padding", ["", "x" * LARGE], ids=["", "large"])
async def test_nothing_is_repaired_by_a_lie(lie: dict[str, str], padding: str) -> None:
    async with rig() as made:
        assert await ran(made, firing(annotations={"description": padding[1:]}, **lie)) == 0
        assert await made.journal.open_alerts() == ()


async def test_beside_a_lie_the_truth_is_acted_on() -> None:
    async with rig() as made:
        assert await ran(made, firing(endsAt=at(-DAY)), firing("cache")) == 1


async def test_a_lie_leaves_the_alert_to_the_truth_about_it() -> None:
    async with rig() as made:
        assert await ran(made, firing(startsAt=at(2 * DAY))) == 0
        assert await ran(made, firing()) == 1


async def test_a_lie_is_counted_and_its_reason_logged(caplog: pytest.LogCaptureFixture) -> None:
    before = set_aside()
    async with rig() as made:
        receipt = await made.deliver(firing(endsAt=at(-HOUR)), firing("cache"))
    assert (receipt.received, receipt.new, receipt.quarantined) == (2, 1, 1)
    assert set_aside() == before + 1
    (said,) = [one for one in caplog.records if one.message == "alerts set aside"]
    assert "alerts[0]: it fires, and was over 1h ago" in str(said.__dict__)


async def test_who_repeats_a_firing_that_was_over_does_not_keep_it_fresh() -> None:
    async with rig(mode="shadow") as made:
        await made.deliver(firing())
        seen = [alert.last_seen for alert in await made.journal.open_alerts()]
        made.clock.at += HOUR
        await made.deliver(firing(endsAt=at(0)))
        assert [alert.last_seen for alert in await made.journal.open_alerts()] == seen


@pytest.mark.parametrize(
    "never", [{"endsAt": at(900 * DAY)}, {"endsAt": None, "startsAt": at(DAY)}]
)
@pytest.mark.parametrize("open_", [False, True])
async def test_that_it_is_over_is_believed_and_of_a_time_to_come_no_more(
    never: dict[str, Any], open_: bool
) -> None:
    async with rig() as made:
        if open_:
            await made.deliver(firing())
        assert await ran(made, resolved(**never)) == 0
        assert await made.journal.open_alerts() == ()
        made.clock.at += 1
        assert await ran(made, firing(startsAt=at(1))) == 1


SAME = {"startsAt": at(-60)}
ENDS = [None, "0001-01-01T00:00:00Z", at(-60), at(-1), at(200), at(900 * DAY)]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("open_", [False, True])
async def test_a_delivery_that_says_both_of_one_alert_repairs_nothing(
    end: str | None, turned: bool, open_: bool
) -> None:
    both = [firing(**SAME), resolved(**SAME, endsAt=end)]
    async with rig() as made:
        if open_:
            await made.deliver(firing(**SAME))
        assert await ran(made, *(reversed(both) if turned else both), status="firing") == 0
        assert await made.journal.open_alerts() == ()


async def test_one_that_ended_and_began_anew_in_the_same_delivery_is_acted_on() -> None:
    async with rig() as made:
        over = resolved(startsAt=at(-60), endsAt=at(-30))
        assert await ran(made, over, firing(startsAt=at(-10))) == 1


async def test_i9_what_was_raised_with_an_end_alone_and_ended_before_it_is_over() -> None:
    held = [{**CONFIG["playbooks"][0], "for": "1m"}]
    async with rig(playbooks=held) as made:
        assert await ran(made, firing(startsAt=at(8 * HOUR))) == 0
        made.clock.at += 30
        # as Alertmanager 0.25 says it
        assert await ran(made, resolved(startsAt=at(29), endsAt=at(29))) == 0
        await made.wait(90)
        assert (await made.incident()).state is State.RESOLVED
        assert made.programs.asked == []


@pytest.mark.parametrize("status", ["firing", "resolved"])
async def test_what_is_said_of_the_group_counts_for_nothing(status: str) -> None:
    async with rig() as made:
        group: dict[str, str | int] = {"status": status, "groupKey": "", "truncatedAlerts": 0}
        assert await ran(made, resolved(endsAt=at(-1)), **group) == 0
        assert await ran(made, firing("cache"), **group) == 1


@pytest.mark.parametrize(("left_out", "counted"), [(0, 0), (-1, 0), (3, 1), (10**30, 1)])
async def test_a_delivery_that_was_cut_short_is_counted_and_asked_about(
    left_out: int, counted: int
) -> None:
    before = cut_short()
    async with rig() as made:
        assert await ran(made, firing(), truncatedAlerts=left_out) == 1
        assert made.context.cut_short.is_set() == bool(counted)
    assert cut_short() == before + counted


async def test_what_began_days_ago_is_acted_on_by_a_receiver_that_was_away() -> None:
    async with rig() as made:
        made.clock.at += 9 * DAY
        assert await ran(made, firing()) == 1
        assert (await made.deliver(firing())).repeated == 1


@pytest.mark.parametrize("off", [-300.0, 300.0])
async def test_an_alertmanager_whose_clock_is_five_minutes_off_is_served(off: float) -> None:
    async with rig() as made:
        ends = {"endsAt": at(off + 300)}  # by `resolve_timeout`
        assert await ran(made, firing(startsAt=at(off), **ends)) == 1
        await made.deliver(resolved(startsAt=at(off), endsAt=at(off + 1)))
        await made.wait(30)
        assert (await made.incident()).state is State.RESOLVED
