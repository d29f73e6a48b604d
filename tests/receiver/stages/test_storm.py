"""A storm: nothing is repaired, one page goes out, the rest is told together, and afterwards all goes on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from receiver.decide.guards import Rate
from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.settings import LimitSettings
from tests.receiver.rig import CONFIG, Rig, firing, rig

LIMITS = {"storm": "20/5m", "per_target": "99/1h", "global": "99/1h"}


def many(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Alerts of services that no target is for."""
    return [firing(f"s{number}") for number in range(first, first + count)]


async def told(made: Rig) -> Counter[str]:
    """Events by how many messages they made; a second asking does not count the first one's again."""
    made.http.asked.clear()
    return Counter(body["event"] for body in await made.told())


async def test_in_a_storm_nothing_is_begun_and_one_page_goes_out() -> None:
    async with rig(limits=LIMITS) as made:
        await made.deliver(*many(300))
        await made.deliver(firing("shop"))
        await made.settle()
        newest = await made.incident()
        assert (newest.state, newest.reason) == (State.BLOCKED, Reason.STORM)
        assert made.programs.asked == []
        assert await told(made) == {"frozen": 1, "opened": 5, "escalated": 10 + 1}


async def test_the_page_says_what_the_matter_is() -> None:
    async with rig(limits=LIMITS) as made:
        await made.deliver(*many(20))
        (page,) = [body for body in await made.told() if body["event"] == "frozen"]
        assert page["text"].startswith("20 incidents were opened within 300 s")


async def test_a_storm_is_critical_whichever_alert_was_the_one_too_many() -> None:
    async with rig(limits=LIMITS) as made:
        await made.deliver(*(firing(f"svc{n}", labels={"severity": "info"}) for n in range(20)))
        assert [body["severity"] for body in await made.told() if body["event"] == "frozen"] == [
            "critical"
        ]


async def test_what_a_storm_held_back_goes_on_when_it_is_over() -> None:
    async with rig(limits={**LIMITS, "max_age": "1h"}) as made:
        await made.deliver(*many(50), firing("shop"))
        await made.wait(299, step=30)
        assert made.programs.asked == []
        await made.wait(60, step=5)
        assert made.programs.asked[:1] == [("/bin/true", "first")]
        assert [row["scope"] for row in await made.events("thawed")] == ["storm"]


async def test_a_storm_that_does_not_end_is_a_humans() -> None:
    book = {**CONFIG["playbooks"][0], "blocked_max": "10m"}
    async with rig(limits=LIMITS, playbooks=[book]) as made:
        await made.deliver(firing("shop"), *many(50))
        number = (await made.journal.counts())["GATING"]
        for minute in range(15):
            await made.deliver(*many(20, first=100 + 20 * minute))
            await made.wait(60, step=20)
        assert number == 1
        shop = await made.journal.incident(1)
        assert shop is not None
        assert (shop.state, shop.reason) == (State.ESCALATED, Reason.BLOCKED_TOO_LONG)


async def test_i8_the_rest_is_told_in_one_message_a_minute() -> None:
    async with rig(limits=LIMITS) as made:
        await made.deliver(*many(300))
        await told(made)
        made.clock.at += 61
        made.http.asked.clear()
        (digest,) = await made.told()
        assert digest["title"] == "[digest] 345 messages: 295 opened, 50 escalated"
        assert (digest["event"], digest["severity"], digest["incident"]) == (
            *("digest", "critical", 0),
        )
        assert "critical: [firing] too many errors" in digest["text"]


async def test_who_is_called_for_a_few_is_called_once_for_the_rest_and_at_once() -> None:
    async with rig(limits=LIMITS) as made:
        await made.deliver(*many(100))
        calls = [body for body in await made.told() if body["event"] == "escalated"]
        assert sorted(body["incident"] for body in calls) == [*range(11)]
        (page,) = [body for body in calls if body["incident"] == 0]
        assert page["severity"] == "critical"
        assert page["title"] == "[escalated] 90 more need a human: 90 escalated"
        assert "critical: [escalated] too many errors" in page["text"]


async def test_as_long_as_calls_are_too_many_nobody_is_called_for_the_rest_a_second_time() -> None:
    async with rig(limits={**LIMITS, "storm": None}) as made:
        events: Counter[str] = Counter()
        for minute in range(5):
            await made.deliver(*many(30, first=30 * minute))
            events += await told(made)
            made.clock.at += 59
        assert events["escalated"] == 10 + 1
        made.clock.at += 300
        await made.deliver(*many(1, first=999))
        assert (await told(made))["escalated"] == 1


async def test_alerts_that_nobody_answers_are_a_call_when_they_are_too_many() -> None:
    async with rig(limits=LIMITS, playbooks=[]) as made:
        await made.deliver(*many(15))
        assert await told(made) == {"opened": 10, "escalated": 1}


async def test_a_question_and_a_call_go_out_before_the_digest_of_what_came_before() -> None:
    book = {**CONFIG["playbooks"][0], "mode": "approve"}
    ops = {**CONFIG["channels"]["ops"], "digest_above": 1}
    async with rig(playbooks=[book], channels={"ops": ops}) as made:
        await made.deliver(firing("elsewhere"), firing("shop"))
        await made.settle()
        assert await told(made) == {"opened": 1, "escalated": 1, "approval_requested": 1}


async def test_the_fate_of_every_letter_is_in_the_journal() -> None:
    async with rig(limits=LIMITS) as made:
        await made.deliver(*many(300))
        await made.told()
        made.clock.at += 61
        await made.told()
        rows = await made.events("notified")
        page, digest = [row for row in rows if row["event"] == "digest"]
        # those of the delivery's first slice
        assert (page["letters"], page["incident"]) == (240, None)
        assert (digest["letters"], digest["incident"], digest["channel"]) == (345, None, "ops")
        assert digest["events"] == {"opened": 295, "escalated": 50}
        assert (digest["first"], digest["last"]) == (6, 300)


async def test_a_channel_that_wants_every_message_gets_it() -> None:
    ops = {**CONFIG["channels"]["ops"], "digest_above": None}
    async with rig(limits=LIMITS, channels={"ops": ops}) as made:
        await made.deliver(*many(60))
        assert await told(made) == {"frozen": 1, "opened": 60, "escalated": 60}


async def test_what_is_done_is_told_by_itself_after_what_was_told_together() -> None:
    ops = {**CONFIG["channels"]["ops"], "digest_above": 1}
    async with rig(channels={"ops": ops}) as made:
        await made.deliver(firing("elsewhere"), firing("shop"))
        await made.wait(5)
        assert await told(made) == {"opened": 1, "escalated": 1}
        made.clock.at += 61
        made.http.asked.clear()
        assert [body["event"] for body in await made.told()] == ["digest", "acted", "healed"]


def test_a_storm_is_by_default_what_no_limit_could_repair() -> None:
    assert LimitSettings().limits.storm == Rate(100, 300.0)
    assert LimitSettings.model_validate({"global": "30/1h"}).limits.storm == Rate(300, 300.0)


def test_a_storm_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="nothing for ever"):
        LimitSettings.model_validate({"storm": "0/5m"})
