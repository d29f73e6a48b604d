"""Launch watches are as durable as everything else, on every engine, and of two who see the same thing due one takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from receiver.decide.ledger import finished
from receiver.decide.regression import Finding, Judged
from receiver.decide.release import Release
from receiver.decide.watching import Checkpoint, Launch, Outcome
from receiver.journal import Journal
from receiver.journal.launches import Step
from tests.receiver.builders import NOW, a_letter
from tests.receiver.decide.launches import a_baseline
from tests.receiver.journal.doing import words
from tests.receiver.journal.places import Place
from tests.receiver.journal.test_releases import a_deploy, left, say

DAY = 86400.0


def a_look(after: float = 900.0, finding: Finding = Finding.PASS) -> Checkpoint:
    base = a_baseline()["p95"]
    signals = (
        Judged("p95", finding, "as before", 0.2, base, 0.3),
        Judged("queue_lag", Finding.INCONCLUSIVE, "no data, and none before", counted=False),
    )
    return Checkpoint(NOW + after, NOW + after + 0.25, 1, finding, signals, 5.0)


async def begin(journal: Journal, release: int = 1) -> Launch | None:
    def turn(launch: Launch, ledger: Sequence[Release]) -> Step | None:
        if launch.begun is not None:
            return None
        return Step(replace(launch, begun=NOW, baseline=a_baseline()), (("launch_begun", {}),))

    return await journal.advance(release, turn, NOW)


async def look(journal: Journal, one: Checkpoint, release: int = 1) -> Launch | None:
    def turn(launch: Launch, ledger: Sequence[Release]) -> Step | None:
        if any(before.due == one.due for before in launch.checkpoints):
            return None
        after = replace(
            launch,
            release=replace(launch.release, healthy_since=one.at, healthy_until=one.at),
            checkpoints=(*launch.checkpoints, one),
        )
        letter = a_letter("release", dedup=f"release-{release}-{one.due}", incident=0)
        return Step(after, (("launch_checkpoint", {"due": one.due}),), (letter,))

    return await journal.advance(release, turn, one.at)


async def end(journal: Journal, release: int = 1) -> None:
    def turn(launch: Launch, ledger: Sequence[Release]) -> Step:
        return Step(replace(launch, ended_at=NOW, outcome=Outcome.REPLACED))

    await journal.advance(release, turn, NOW)


async def test_what_serves_is_to_be_watched_and_nothing_else(journal: Journal) -> None:
    await say(journal, finished(a_deploy("v1")), finished(a_deploy("v2", NOW + 9)))
    (open_,) = await journal.watches()
    assert (open_.release.version, open_.begun, open_.last) == ("v2", None, None)


async def test_a_watch_survives_the_receiver_to_the_last_figure(place: Place) -> None:
    async with place.opened() as journal:
        await say(journal, finished(a_deploy()))
        await begin(journal)
        written = await look(journal, a_look())
    async with place.opened() as journal:
        assert await journal.launch(1) == written
        assert written is not None
        assert written.baseline == a_baseline()
        assert written.checkpoints == (a_look(),)
        (release,) = await journal.releases("api")
        assert release.healthy_until == a_look().at


async def test_of_two_who_look_at_the_same_moment_one_is_told_that_it_is_done(
    journal: Journal,
) -> None:
    await say(journal, finished(a_deploy()))
    await begin(journal)
    both = await asyncio.gather(*(look(journal, a_look()) for _ in range(2)))
    assert sum(one is None for one in both) == 1
    assert await words(journal) == ["release_finished", "launch_begun", "launch_checkpoint"]
    assert len(await journal.postings("ops", NOW + 1e6, 10)) == 1


async def test_the_list_has_the_last_checkpoint_and_the_whole_has_all(journal: Journal) -> None:
    await say(journal, finished(a_deploy()))
    await begin(journal)
    for after in (900.0, 1800.0, 2700.0):
        await look(journal, a_look(after))
    (listed,) = await journal.launches("api")
    assert [one.due - NOW for one in listed.checkpoints] == [2700.0]
    whole = await journal.launch(1)
    assert whole is not None
    assert [one.due - NOW for one in whole.checkpoints] == [900.0, 1800.0, 2700.0]
    assert await journal.launches("nobody") == ()
    assert await journal.launch(99) is None


async def test_what_is_replaced_is_watched_until_somebody_ends_it(journal: Journal) -> None:
    await say(journal, finished(a_deploy("v1")))
    await begin(journal)
    await say(journal, finished(a_deploy("v2", NOW + 9)))
    assert [one.release.version for one in await journal.watches()] == ["v1", "v2"]
    await end(journal)
    assert [one.release.version for one in await journal.watches()] == ["v2"]
    ended = await journal.launch(1)
    assert ended is not None
    assert (ended.ended_at, ended.outcome) == (NOW, Outcome.REPLACED)


async def test_a_turn_that_fails_leaves_nothing_behind(journal: Journal) -> None:
    await say(journal, finished(a_deploy()))

    def turn(launch: Launch, ledger: Sequence[Release]) -> Step | None:
        raise ZeroDivisionError

    (failed,) = await asyncio.gather(journal.advance(1, turn, NOW), return_exceptions=True)
    assert isinstance(failed, ZeroDivisionError)
    assert await journal.launch(1) == (await journal.watches())[0]
    assert await journal.advance(99, turn, NOW) is None


async def test_a_watch_goes_with_its_release(journal: Journal) -> None:
    await say(journal, finished(a_deploy("old", NOW - 9 * DAY)))
    await begin(journal)
    await look(journal, a_look())
    await end(journal)
    await say(journal, finished(a_deploy("new", NOW - 8 * DAY)))
    assert await left(journal, NOW - DAY) == ["new"]
    assert await journal.launch(1) is None
