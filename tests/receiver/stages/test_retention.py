"""Once an hour, by one receiver, what is too old is taken away."""

from __future__ import annotations

from receiver.journal import Chain, Page
from receiver.stages.retention import retain
from tests.receiver.rig import CONFIG, Rig, firing, resolved, rig

DAY = 86400.0


async def an_old_story(made: Rig, days: float) -> None:
    """An incident that was healed so many days ago."""
    await made.deliver(firing())
    await made.settle()
    await made.wait(5)
    await made.deliver(resolved())
    await made.wait(3)
    await made.told()
    made.clock.at += days * DAY


async def left(made: Rig) -> int:
    return len(await made.journal.incidents(Page()))


async def test_what_is_older_than_ninety_days_goes_and_the_chain_holds() -> None:
    async with rig() as made:
        await an_old_story(made, 91)
        assert await retain(made.context) > 10
        assert await left(made) == 0
        assert await made.journal.verify() == Chain(1)


async def test_what_is_younger_stays() -> None:
    async with rig() as made:
        await an_old_story(made, 89)
        assert await retain(made.context) == 0
        assert await left(made) == 1


async def test_how_long_things_are_kept_is_configurable() -> None:
    async with rig(retention="1d") as made:
        await an_old_story(made, 1.1)
        await retain(made.context)
        assert await left(made) == 0


async def test_what_a_limit_still_counts_is_kept_for_longer() -> None:
    async with rig(retention="1d", limits={"per_target": "3/1w"}) as made:
        await an_old_story(made, 6)
        assert await retain(made.context) == 0
        made.clock.at += 2 * DAY
        assert await retain(made.context) > 0


async def test_what_a_cooldown_still_counts_is_kept_for_longer() -> None:
    books = [{**CONFIG["playbooks"][0], "cooldown": "30d"}]
    async with rig(retention="1d", playbooks=books) as made:
        await an_old_story(made, 29)
        assert await retain(made.context) == 0


async def test_an_hour_is_taken_care_of_once() -> None:
    async with rig() as made:
        made.clock.at = 1_789_948_800.0
        await retain(made.context)
        await an_old_story(made, 0)
        made.clock.at += 1800.0
        assert not await made.journal.tick("retention", 1_789_948_800.0)
        assert await retain(made.context) == 0
        made.clock.at += 91 * DAY
        assert await retain(made.context) > 0


async def test_many_rows_go_in_small_batches_with_pauses() -> None:
    async with rig() as made:
        for number in range(700):
            await made.journal.quarantine("am", "spoiled", str(number), made.clock.at)
        made.clock.at += 91 * DAY
        begun = made.clock.at
        assert await retain(made.context) == 700
        assert 0.1 < made.clock.at - begun < 10
