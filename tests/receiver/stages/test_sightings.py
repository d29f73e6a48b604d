from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from receiver import metrics
from receiver.decide.ledger import failed, finished, quarantined, started
from receiver.decide.release import ReleaseState
from receiver.stages.sightings import EVERY, Sightings, see
from tests.receiver.rig import rig
from tests.receiver.stages.watched_app import shown, watched

# -- what is proven


async def test_a_release_is_proven_when_it_is_seen_and_that_is_kept(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        await watch.look()
        proven = (await watch.serving()).proven_at
        assert proven is not None
        await watch.look(3)
        assert (await watch.serving()).proven_at == proven
        (event,) = await watch.made.events("release_proven")
        assert (event["target"], event["version"], event["by"]) == ("shop", "v1", "detector")


async def test_what_does_not_answer_is_not_proven_until_it_does(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        watch.app.version = None
        await watch.look(3)
        assert (await watch.serving()).proven_at is None
        assert shown(metrics.RELEASE_READABLE) == {"shop": 0.0}
        watch.app.version = "v1"
        await watch.look()
        assert (await watch.serving()).proven_at is not None
        assert shown(metrics.RELEASE_READABLE) == {"shop": 1.0}


async def test_a_release_that_says_it_is_another_is_never_proven(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        await watch.deploy("v2")
        watch.app.version = "v1"
        await watch.look(5)
        assert (await watch.serving()).proven_at is None
        assert await watch.versions() == ["v1", "v2"]


async def test_what_is_young_is_looked_at_more_often_until_it_is_proven(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        watch.app.version = None
        looks = []
        for second in range(600):
            watch.made.clock.at += 1
            looks += [second] * await watch.sightings.once()
        lately = [one for one in looks if one < 295]
        assert {after - before for before, after in pairwise(lately)} == {5}
        assert 9 <= len([one for one in looks if one > 305]) <= 10


# -- what nobody said


async def test_what_nobody_told_of_is_entered_when_it_was_seen_twice(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        await watch.look()
        watch.become("v2")
        await watch.look()
        first = watch.made.context.now()
        assert await watch.versions() == ["v1"]
        await watch.look()
        serving = await watch.serving()
        assert (serving.version, serving.by, serving.state) == (
            "v2",
            "detector",
            ReleaseState.WATCHING,
        )
        assert serving.deployed_at == serving.finished_at == serving.proven_at == first
        event = (await watch.made.events("release_finished"))[-1]
        assert (event["by"], event["version"], event["replaces"]) == ("detector", "v2", "v1")
        await watch.look(3)
        assert await watch.versions() == ["v1", "v2"]


async def test_the_first_release_of_all_is_learnt(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.look(2)
        assert (await watch.serving()).version == "v1"


async def test_while_it_is_looked_at_often_ci_still_has_time_to_speak(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        watch.become("v2")  # v1 was never proven, so looks are frequent
        for _ in range(4):
            await watch.sightings.once()
            watch.made.clock.at += 5
        assert await watch.versions() == ["v1"]
        await watch.say(finished, "v2")
        assert (await watch.serving()).by == "ci"


async def test_what_is_seen_only_once_is_forgotten(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        for version in ("v2", "v1", "v2", "v3", "v2", "v1"):
            watch.become(version)
            await watch.look()
        assert await watch.versions() == ["v1"]


async def test_somebody_going_back_by_hand_is_entered(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        await watch.deploy("v2")
        watch.become("v1")
        await watch.look(2)
        assert await watch.versions() == ["v1", "v2", "v1"]


async def test_while_a_deploy_is_under_way_nothing_is_entered(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        await watch.say(started, "v2")
        watch.become("v2")
        await watch.look(5)
        assert await watch.versions() == ["v1", "v2"]
        assert (await watch.serving()).version == "v1"
        await watch.say(failed, "v2")  # and it serves all the same
        await watch.look(2)
        assert (await watch.serving()).version == "v2"


async def test_what_is_said_between_two_looks_counts(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        watch.become("v2")
        await watch.look()
        watch.made.clock.at += 1
        await watch.say(finished, "v2")
        await watch.look(3)
        assert await watch.versions() == ["v1", "v2"]
        assert (await watch.serving()).by == "ci"


async def test_several_receivers_enter_it_once(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        other = Sightings(watch.made.context)
        await watch.deploy("v1")
        watch.become("v2")
        for _ in range(4):
            watch.made.clock.at += EVERY
            await asyncio.gather(watch.sightings.once(), other.once())
        assert await watch.versions() == ["v1", "v2"]
        assert len(await watch.made.events("release_finished")) == 2


async def test_a_word_that_is_no_version_is_not_entered(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        watch.app.version = "../v2"
        (tmp_path / "current").unlink()
        await watch.look(3)
        assert await watch.versions() == []


# -- what cannot be so


async def test_a_contradiction_is_shown_said_once_and_never_acted_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        watch.app.version = "v9"  # nobody moved the link
        await watch.look(3)
        assert await watch.versions() == ["v1"]
        assert shown(metrics.RELEASE_DISPUTED) == {"shop": 1.0}
        said = [one for one in caplog.records if one.levelname == "WARNING"]
        assert [one.message for one in said] == ["the ledger of releases is disputed"]
        watch.app.version = "v1"
        await watch.look()
        assert shown(metrics.RELEASE_DISPUTED) == {"shop": 0.0}


async def test_a_link_that_was_moved_without_a_reload_is_shown(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        watch.app.points_at("v2")
        await watch.look(3)
        assert shown(metrics.RELEASE_DISPUTED) == {"shop": 1.0}
        serving = await watch.serving()
        assert (serving.version, serving.proven_at is not None) == ("v1", True)


async def test_a_bad_version_that_shows_up_is_entered_and_told_of_once(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        await watch.deploy("v2")
        await watch.say(quarantined, "v2")
        await watch.deploy("v3")
        watch.become("v2")
        await watch.look(4)
        serving = await watch.serving()
        assert (serving.version, serving.by) == ("v2", "detector")
        await watch.made.told()
        (body,) = [one for one in watch.app.sent if b"bad version" in one]
        assert b"v2 was gone back from, or is quarantined" in body
        await Sightings(watch.made.context).once()  # a receiver that was started anew
        await watch.made.told()
        assert len([one for one in watch.app.sent if b"bad version" in one]) == 1


async def test_a_bad_version_that_ci_deployed_is_told_of_too(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.say(quarantined, "v2")
        await watch.deploy("v2")
        await watch.look()
        await watch.made.told()
        assert any(b"said by ci" in one for one in watch.app.sent)


async def test_the_one_that_is_quarantined_while_it_serves_is_no_news(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.deploy("v1")
        await watch.say(quarantined, "v1")
        await watch.look(3)
        await watch.made.told()
        assert not watch.app.sent
        assert await watch.versions() == ["v1"]


# -- the rest


async def test_what_hangs_is_waited_for_so_long(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        watch.app.hangs = True
        target = watch.made.settings.targets["shop"]
        assert target.release is not None
        sight = await see(target.release, target, watch.made.context.tools, patience=0.05)
        assert (sight.version, sight.detail) == (None, "no answer within 0.05 s")


async def test_a_target_that_is_in_the_config_no_more_is_neither_asked_nor_shown(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as watch:
        await watch.look()
        without = {name: one for name, one in watch.made.settings.targets.items() if name != "shop"}
        watch.made.settings = watch.made.settings.model_copy(update={"targets": without})
        asked = watch.app.asked
        watch.made.clock.at += EVERY
        assert await watch.sightings.once() == 0
        assert (watch.app.asked, shown(metrics.RELEASE_READABLE)) == (asked, {})


async def test_a_target_without_releases_is_not_asked() -> None:
    async with rig() as made:
        assert await Sightings(made.context).once() == 0
