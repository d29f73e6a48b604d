"""The launch watch takes each checkpoint once, says what changed, and ends with a word that somebody hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from receiver import metrics
from receiver.decide.launch import LaunchWatch
from receiver.decide.ledger import Deploy, Entry, Note, Word, failed, finished, quarantined, started
from receiver.decide.release import Release, ReleaseState, known_good
from receiver.decide.watching import Launch, Outcome
from receiver.journal import JournalUnavailable
from receiver.stages.launches import ASK_AGAIN, LaunchWatcher
from receiver.stages.releases import ReleaseGauges
from tests.receiver.figures import Figures
from tests.receiver.rig import CONFIG, Rig, rig
from tests.receiver.stages.test_releases import of_shop, shown

MINUTE, HOUR = 60.0, 3600.0
LIVE = {"deployed", "rolled back"}
SHORT = {
    "phases": [{"until": "1h", "every": "15m"}, {"until": "3h", "every": "1h"}],
    "window": "5m",
}


@dataclass
class Shop:
    """A receiver that watches one service."""

    made: Rig
    figures: Figures
    watcher: LaunchWatcher

    async def deploys(self, version: str = "v1", *, proven: bool = True) -> Release:
        now = self.made.context.now()
        release = await self.made.journal.enter(
            "shop", finished(Deploy("shop", version, "ci", now)), now
        )
        if proven:
            await self.made.journal.enter("shop", says_itself(release.id, now), now)
        return release

    async def lives(self, seconds: float, step: float = MINUTE) -> None:
        """Time passes, with somebody who looks."""
        end = self.made.clock.at + seconds
        await self.looks()
        while self.made.clock.at < end:
            self.made.clock.at = min(end, self.made.clock.at + step)
            await self.looks()

    async def looks(self) -> None:
        while await self.watcher.once():
            pass

    async def launch(self, release: int = 1) -> Launch:
        found = await self.made.journal.launch(release)
        assert found is not None
        return found

    async def findings(self, release: int = 1) -> list[str]:
        return [str(one.finding) for one in (await self.launch(release)).checkpoints]

    async def told(self) -> list[str]:
        """The words in brackets of what was sent of the watch."""
        words = [body["title"].partition("]")[0][1:] for body in await self.made.told()]
        return [word for word in words if word not in LIVE]

    async def live(self) -> list[dict[str, Any]]:
        """What was sent when a release went live."""
        told = await self.made.told()
        return [body for body in told if body["title"].partition("]")[0][1:] in LIVE]


def says_itself(number: int, at: float) -> Word:
    """The target itself says that it is this version."""

    def entry(releases: Any) -> Entry:
        (one,) = [one for one in releases if one.id == number]
        proven = replace(one, proven_at=at)
        return Entry(proven, (), (Note("release_proven", proven, "test"),))

    return entry


@asynccontextmanager
async def shop(**changes: Any) -> AsyncIterator[Shop]:
    async with rig(**{"launch_watch": SHORT, **changes}) as made:
        figures = Figures()
        context = replace(made.context, tools=replace(made.context.tools, prometheus=figures))
        yield Shop(made, figures, LaunchWatcher(context))


async def test_what_was_before_the_deploy_is_the_baseline_and_is_written_at_once() -> None:
    async with shop() as one:
        one.figures.before["p95"] = 0.11
        await one.deploys()
        await one.looks()
        (row,) = await one.made.events("launch_baseline")
        assert (row["source"], row["version"]) == ("before the deploy", "v1")
        assert row["baseline"]["p95"] == 0.11
        assert (await one.launch()).checkpoints == ()


async def test_a_checkpoint_is_taken_once_however_often_somebody_looks() -> None:
    async with shop() as one:
        await one.deploys()
        await one.lives(HOUR, step=20.0)
        assert await one.findings() == ["pass"] * 4
        rows = await one.made.events("launch_checkpoint")
        assert [(row["phase"], row["finding"]) for row in rows] == [(1, "pass")] * 4


async def test_what_does_not_change_is_told_once() -> None:
    async with shop() as one:
        await one.deploys()
        await one.lives(2 * HOUR)
        assert await one.told() == ["pass"]


async def test_what_changes_is_told_with_its_figures_and_so_is_its_end() -> None:
    async with shop() as one:
        await one.deploys()
        await one.lives(20 * MINUTE)
        one.figures.becomes(p95=0.9)
        await one.lives(30 * MINUTE)
        one.figures.becomes(p95=0.2)
        await one.lives(15 * MINUTE)
        assert await one.told() == ["pass", "degraded", "pass"]
        letter = (await one.made.told())[2]
        assert letter["event"] == "release"
        assert letter["severity"] == "warning"
        assert (
            "latency p95: 900 ms, above the limit of 300 ms; the baseline is 200 ms"
            in (letter["text"])
        )


async def test_a_prometheus_that_is_gone_is_no_pass_and_takes_no_baseline_away() -> None:
    async with shop() as one:
        one.figures.goes_dark()
        await one.deploys()
        await one.lives(20 * MINUTE)
        assert await one.findings() == ["inconclusive"]
        assert (await one.launch()).baseline is None
        one.figures.comes_back()
        one.figures.becomes(p95=0.9)
        await one.lives(ASK_AGAIN + 10 * MINUTE)
        baseline = (await one.launch()).baseline
        assert baseline is not None
        assert baseline["p95"].value == 0.2
        assert await one.findings() == ["inconclusive", "degraded"]


async def test_a_prometheus_that_is_gone_is_not_asked_for_the_past_every_second() -> None:
    async with shop() as one:
        one.figures.goes_dark()
        await one.deploys()
        await one.lives(MINUTE, step=1.0)
        assert len(one.figures.asked) <= 7 * (60 / ASK_AGAIN + 1)


async def test_without_a_prometheus_every_checkpoint_is_inconclusive_and_says_why() -> None:
    async with shop() as one:
        context = replace(one.made.context, tools=replace(one.made.context.tools, prometheus=None))
        one.watcher = LaunchWatcher(context)
        await one.deploys()
        await one.lives(20 * MINUTE)
        last = (await one.launch()).last
        assert last is not None
        assert {each.why for each in last.signals} == {"no Prometheus is configured"}


async def test_of_two_receivers_one_takes_each_checkpoint() -> None:
    async with shop() as one:
        other = LaunchWatcher(replace(one.watcher._context))
        await one.deploys()
        for _ in range(8 * 60):
            one.made.clock.at += 30.0
            await asyncio.gather(one.watcher.once(), other.once())
        assert len(await one.findings()) == 6
        assert len(await one.made.events("launch_checkpoint")) == 6
        assert len(await one.made.events("launch_baseline")) == 1
        assert await one.told() == ["pass", "stable"]


async def test_what_was_missed_is_made_up_for_by_one_checkpoint() -> None:
    async with shop() as one:
        await one.deploys()
        await one.lives(15 * MINUTE)
        one.made.clock.at += 50 * MINUTE
        await one.lives(MINUTE)
        launch = await one.launch()
        assert [one_.due - launch.release.deployed_at for one_ in launch.checkpoints] == [
            *(15 * MINUTE, HOUR)
        ]
        assert launch.checkpoints[1].at == pytest.approx(launch.release.deployed_at + 65 * MINUTE)


async def test_what_survives_is_stable_and_the_new_restore_point() -> None:
    async with shop() as one:
        await one.deploys()
        await one.lives(3 * HOUR)
        launch = await one.launch()
        assert (launch.outcome, launch.release.state) == (Outcome.STABLE, ReleaseState.STABLE)
        assert launch.release.restore_point_at == launch.release.stable_at
        words = [row["ev"] for row in await one.made.events()]
        assert words[-3:] == ["launch_ended", "release_stable", "restore_point"] or (
            words[-4:-1] == ["launch_ended", "release_stable", "restore_point"]
        )
        assert await one.told() == ["pass", "stable"]
        assert "latency p95" in (await one.made.told())[-1]["text"]


async def test_what_was_never_proven_to_be_itself_is_stable_and_no_restore_point() -> None:
    async with shop() as one:
        await one.deploys(proven=False)
        await one.lives(3 * HOUR)
        release = (await one.launch()).release
        assert (release.state, release.restore_point_at) == (ReleaseState.STABLE, None)


async def test_what_nobody_could_see_is_never_stable_and_a_human_is_told() -> None:
    async with shop() as one:
        one.figures.becomes(traffic=0.001)
        one.figures.before["traffic"] = 0.001
        await one.deploys()
        await one.lives(3 * HOUR)
        launch = await one.launch()
        assert (launch.outcome, launch.release.state) == (
            Outcome.UNPROVEN,
            ReleaseState.WATCHING,
        )
        assert await one.told() == ["inconclusive", "not proven good"]
        letter = (await one.made.told())[-1]
        assert letter["severity"] == "warning"
        assert letter["text"].startswith("no checkpoint passed. It stays `watching`.")


async def test_what_went_dark_after_a_good_beginning_is_not_stable() -> None:
    async with shop() as one:
        await one.deploys()
        await one.lives(50 * MINUTE)
        one.figures.goes_dark()
        await one.lives(3 * HOUR)
        launch = await one.launch()
        assert launch.outcome is Outcome.UNPROVEN
        (row,) = await one.made.events("launch_ended")
        assert row["why"] == "nothing could be seen after phase 1"


async def test_what_is_degraded_in_the_end_is_not_stable_however_good_it_was() -> None:
    async with shop() as one:
        await one.deploys()
        await one.lives(2.5 * HOUR)
        one.figures.becomes(memory=9e9)
        await one.lives(HOUR)
        assert (await one.launch()).outcome is Outcome.UNPROVEN


async def test_the_next_deploy_ends_the_watch_with_a_report_and_has_its_own() -> None:
    async with shop() as one:
        await one.deploys("v1")
        await one.lives(30 * MINUTE)
        await one.deploys("v2")
        await one.lives(MINUTE)
        await one.told()
        await one.lives(30 * MINUTE)
        assert (await one.launch(1)).outcome is Outcome.REPLACED
        assert await one.findings(2) == ["pass", "pass"]
        assert await one.told() == ["pass", "replaced", "pass"]


async def test_who_mends_something_is_not_measured_by_what_was_broken() -> None:
    async with shop() as one:
        await one.deploys("bad")
        one.figures.becomes(p95=0.9)
        await one.lives(80 * MINUTE)
        one.figures.before["p95"] = 0.9
        await one.deploys("no better")
        await one.lives(20 * MINUTE)
        baseline = (await one.launch(2)).baseline
        assert baseline is not None
        assert (baseline["p95"].value, str(baseline["p95"].source)) == (
            *(0.2, "the watch before this one"),
        )
        assert await one.findings(2) == ["degraded"]


async def test_of_two_deploys_in_a_row_the_second_has_the_baseline_of_the_first() -> None:
    async with shop() as one:
        await one.deploys("v1")
        await one.lives(4 * MINUTE)
        one.figures.before["p95"] = 9.0
        await one.deploys("v2")
        await one.lives(MINUTE)
        baseline = (await one.launch(2)).baseline
        assert baseline is not None
        assert baseline["p95"].value == 0.2
        assert await one.told() == []


@pytest.mark.parametrize(("memory", "over"), [(300e6, True), (9e9, False)])
async def test_only_what_ended_well_is_a_matter_closed(memory: float, over: bool) -> None:
    async with shop() as one:
        await one.deploys()
        await one.lives(2.5 * HOUR)
        await one.told()
        one.figures.becomes(memory=memory)
        await one.lives(HOUR)
        (posting,) = await one.made.journal.postings("ops", one.made.context.now(), 9)
        assert posting.letter.body["ended"] is over
        assert posting.incident == -1


async def test_a_deploy_that_failed_ends_nothing() -> None:
    async with shop() as one:
        await one.deploys("v1")
        await one.lives(20 * MINUTE)
        deploy = Deploy("shop", "v2", "ci", one.made.context.now())
        for word in (started(deploy), failed(deploy)):
            await one.made.journal.enter("shop", word, deploy.at)
        await one.lives(20 * MINUTE)
        assert await one.findings() == ["pass", "pass"]


async def test_what_is_quarantined_is_not_looked_at_any_more() -> None:
    async with shop() as one:
        await one.deploys("v1")
        await one.lives(20 * MINUTE)
        now = one.made.context.now()
        await one.made.journal.enter("shop", quarantined(Deploy("shop", "v1", "ann", now)), now)
        await one.lives(HOUR)
        assert await one.findings() == ["pass"]
        assert (await one.launch()).outcome is Outcome.BAD


async def test_a_release_soaks_in_the_steps_of_its_checkpoints() -> None:
    async with shop() as one:
        await one.deploys("v1")
        await one.lives(45 * MINUTE)
        await one.deploys("v2")
        releases = await one.made.journal.releases("shop")
        good = known_good(releases, one.made.context.now())
        assert good is not None
        assert good.version == "v1"


async def test_a_degraded_checkpoint_ends_the_soak() -> None:
    async with shop() as one:
        await one.deploys("v1")
        await one.lives(45 * MINUTE)
        one.figures.becomes(errors=0.5)
        await one.lives(15 * MINUTE)
        await one.deploys("v2")
        releases = await one.made.journal.releases("shop")
        assert known_good(releases, one.made.context.now()) is None


async def test_who_sees_nothing_does_not_soak() -> None:
    async with shop() as one:
        await one.deploys("v1")
        await one.lives(15 * MINUTE)
        one.figures.goes_dark()
        await one.lives(90 * MINUTE)
        await one.deploys("v2")
        releases = await one.made.journal.releases("shop")
        assert known_good(releases, one.made.context.now()) is None


async def test_a_watch_that_a_reload_made_shorter_ends() -> None:
    async with shop() as one:
        await one.deploys()
        await one.lives(2.5 * HOUR)
        watch = {"phases": [{"until": "1h", "every": "15m"}], "window": "5m"}
        shorter = LaunchWatch.model_validate(watch)
        one.made.settings = one.made.settings.model_copy(update={"launch_watch": shorter})
        await one.lives(MINUTE)
        assert (await one.launch()).outcome is Outcome.STABLE


async def test_a_journal_that_is_gone_is_said_to_whoever_drives_the_watch() -> None:
    async with shop() as one:
        await one.deploys()
        await one.made.journal.close()
        with pytest.raises(JournalUnavailable):
            await one.watcher.once()


async def test_a_target_that_the_config_does_not_name_is_not_watched() -> None:
    async with shop() as one:
        now = one.made.context.now()
        await one.made.journal.enter("gone", finished(Deploy("gone", "v1", "ci", now)), now)
        await one.lives(HOUR)
        assert (await one.launch()).begun is None
        assert one.figures.asked == []


async def test_the_gauges_show_the_baseline_and_the_verdict_of_what_is_watched() -> None:
    async with shop() as one:
        gauges = ReleaseGauges(one.made.context)
        await one.deploys()
        await one.looks()
        await gauges.show()
        limits = {labels["signal"]: value for labels, value in shown(metrics.LAUNCH_LIMIT)}
        assert limits["p95"] == pytest.approx(0.3)
        assert of_shop(metrics.LAUNCH_VERDICT) == []
        one.figures.becomes(errors=0.5)
        await one.lives(15 * MINUTE)
        await gauges.show()
        assert of_shop(metrics.LAUNCH_VERDICT) == [2.0]
        one.figures.becomes(errors=0.0)
        await one.lives(3 * HOUR)
        await gauges.show()
        assert of_shop(metrics.LAUNCH_VERDICT) == of_shop(metrics.LAUNCH_BASELINE) == []


FORGE = "https://github.com/example/shop/compare/{from}...{to}"


def a_facet(**keys: Any) -> dict[str, Any]:
    version = {"url": "http://127.0.0.1:9/version", "json": "version"}
    return {"strategy": "symlink", "path": "/srv/shop", "version": version, **keys}


async def test_what_goes_live_is_told_at_once_and_once_with_what_it_changed() -> None:
    targets = {"shop": {**CONFIG["targets"]["shop"], "release": a_facet(compare=FORGE)}}
    async with shop(targets=targets) as one:
        await one.deploys("v1")
        await one.lives(2 * MINUTE)
        await one.deploys("v2")
        await one.lives(10 * MINUTE)
        first, second = await one.live()
        assert (first["title"], first["severity"]) == ("[deployed] shop v1", "info")
        assert first["links"] == {}
        assert second["text"] == "v2 serves on shop in place of v1 (said by ci)."
        assert second["links"] == {"Diff": "https://github.com/example/shop/compare/v1...v2"}


async def test_going_back_is_told_as_that() -> None:
    async with shop() as one:
        await one.deploys("v1")
        now = one.made.context.now()

        def went_back(releases: Any) -> Entry:
            entry = finished(Deploy("shop", "v0", "prunella", now + 1))(releases)
            return replace(entry, release=replace(entry.release, rollback=True))

        await one.made.journal.enter("shop", went_back, now + 1)
        await one.lives(2 * MINUTE)
        assert (await one.live())[-1]["title"] == "[rolled back] shop v0"
