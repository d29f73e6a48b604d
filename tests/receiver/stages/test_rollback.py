"""An alert after a deploy is answered by going back, where nothing speaks against it; and every no says why."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.decide.going_back import Step
from receiver.decide.incident import State
from receiver.decide.ledger import failed, quarantined, restore_point, started, unfrozen
from receiver.decide.reason import Reason
from receiver.decide.release import ReleaseState, current
from receiver.stages.command import approve
from receiver.tools import OutsideError
from tests.receiver.actions.releases import Host, KilledError, World
from tests.receiver.rig import START, Rig, ToldAlertmanager, firing, resolved
from tests.receiver.stages.rollbacks import (
    DEPLOYED,
    HOUR,
    a_deploy,
    a_shop_rig,
    deployed,
    live_and_bad,
    releases,
    revived,
    say,
    the_book,
    the_rollback,
)


async def state(rig: Rig) -> tuple[State, Reason]:
    incident = await rig.incident()
    return incident.state, incident.reason


async def test_i4_a_bad_release_is_gone_back_from_and_the_ledger_knows() -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        await rig.deliver(firing())
        await rig.settle()
        await rig.wait(6)
        ledger = await releases(rig)
        assert (await the_rollback(rig)).step is Step.ROLLED_BACK
    assert world.hosts[0].serves == "v1"
    assert ledger["v2"].state is ReleaseState.ROLLED_BACK
    serving = current(list(ledger.values()))
    assert serving is not None
    assert (serving.version, serving.rollback) == ("v1", True)


async def test_what_was_done_is_told_with_its_evidence() -> None:
    async with a_shop_rig() as rig:
        await live_and_bad(rig)
        await rig.deliver(firing())
        await rig.settle()
        told = await rig.told()
        (row,) = [one for one in await rig.events("rollback") if one["step"] == "rolled_back"]
    assert any("went back from v2 to v1" in one["text"] for one in told)
    assert row["evidence"] == ["HighErrorRate: too many errors"]
    assert row["history"] == "what came between v1 and v2"


async def test_without_a_deploy_in_the_ledger_nothing_is_gone_back_from() -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await rig.deliver(firing())
        await rig.settle()
        assert await state(rig) == (State.ESCALATED, Reason.NO_RELEASE)
        refused = [one["reason"] for one in await rig.events("refused")]
    assert refused == ["no_release"]
    assert world.did == []


@pytest.mark.parametrize(
    ("gate", "alert", "reason"),
    [
        ({}, {"startsAt": "2026-09-20T23:50:00Z"}, Reason.BEFORE_DEPLOY),
        ({"within": "1m"}, {}, Reason.OUTSIDE_WATCH),
    ],
)
async def test_what_the_release_cannot_have_done_is_a_humans(
    gate: dict[str, Any], alert: dict[str, Any], reason: Reason
) -> None:
    world = World()
    async with a_shop_rig(world, gate=gate) as rig:
        await live_and_bad(rig)
        await rig.deliver(firing(**alert))
        await rig.settle()
        assert await state(rig) == (State.ESCALATED, reason)
    assert world.did == []


async def test_while_its_database_is_down_it_waits_and_then_goes() -> None:
    world = World()
    gate = {"blocked_by": ['alertname="PostgresDown"']}
    down = firing("db", labels={"alertname": "PostgresDown"})
    async with a_shop_rig(world, gate=gate) as rig:
        await live_and_bad(rig)
        await rig.deliver(down, firing())
        await rig.settle()
        blocked = [one for one in await rig.events("refused") if one["target"] == "shop"]
        assert [one["reason"] for one in blocked] == ["dependency_open"]
        assert world.did == []
        await rig.deliver({**down, **resolved("db", labels=down["labels"])})
        await rig.wait(35)
    assert world.hosts[0].serves == "v1"


async def test_where_the_previous_release_is_bad_too_the_last_known_good_is_gone_back_to() -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        await say(rig, deployed("v3", DEPLOYED + 60, "v1"))
        world.hosts[0].active = world.hosts[0].serves = "v3"
        await rig.deliver(firing())
        await rig.settle()
        assert (await the_rollback(rig)).to == "v1"  # v2 was never proven, nor named
    assert world.hosts[0].serves == "v1"


async def test_a_second_alert_after_it_does_not_go_back_again() -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        await rig.deliver(firing())
        await rig.settle()
        await rig.deliver(resolved())
        await rig.wait(1500)
        at = "2026-09-21T00:29:00Z"
        await rig.deliver(firing(startsAt=at))
        await rig.settle()
        assert await state(rig) == (State.ESCALATED, Reason.ROLLBACK_OF_ROLLBACK)
        assert len(await rig.journal.rollbacks()) == 1
    assert world.hosts[0].serves == "v1"


async def test_where_the_schema_may_not_allow_it_a_human_is_asked_and_may_allow_it() -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        await say(
            rig, quarantined(a_deploy("v9", START - HOUR, None)), deployed("v3", DEPLOYED, None)
        )
        world.hosts[0].active = world.hosts[0].serves = "v3"
        await rig.deliver(firing())
        await rig.settle()
        assert await state(rig) == (State.AWAITING_APPROVAL, Reason.SCHEMA_INCOMPATIBLE)
        assert world.did == []
        await approve((await rig.incident()).id, "ann", rig.context)
        await rig.settle()
    assert world.hosts[0].serves == "v1"


async def test_an_approval_is_for_the_version_that_was_shown() -> None:
    world = World()
    async with a_shop_rig(world, playbooks=[the_book(mode="approve")]) as rig:
        oldest = START - 20 * HOUR
        await say(rig, deployed("v0", oldest, "v0"), restore_point("shop", "v0", "ann", oldest))
        await live_and_bad(rig)
        await rig.deliver(firing())
        await rig.settle()
        assert await state(rig) == (State.AWAITING_APPROVAL, Reason.APPROVAL_REQUIRED)
        asked = (await rig.incident()).progress.nonce
        await say(rig, quarantined(a_deploy("v1", START)))
        await approve((await rig.incident()).id, "ann", rig.context)
        await rig.settle()
        again = await rig.incident()
        assert (again.state, again.progress.shown) == (State.AWAITING_APPROVAL, "v0")
        assert again.progress.nonce != asked
    assert world.did == []


async def test_a_deploy_in_progress_is_waited_for() -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        await say(rig, started(a_deploy("v3", START - 5)))
        await rig.deliver(firing())
        await rig.settle()
        assert await state(rig) == (State.BLOCKED, Reason.DEPLOY_IN_FLIGHT)
        assert world.did == []
        await say(rig, failed(a_deploy("v3", START)))
        await rig.wait(35)
    assert world.hosts[0].serves == "v1"


async def test_without_metrics_a_human_is_asked() -> None:
    async with a_shop_rig() as rig:
        await live_and_bad(rig)
        rig.prometheus.error = OutsideError("away")
        await rig.deliver(firing())
        await rig.settle()
        assert await state(rig) == (State.AWAITING_APPROVAL, Reason.NO_DATA)


@pytest.mark.parametrize(
    ("answers", "to", "reason"),
    [
        ({"shop:healthy": ()}, State.AWAITING_APPROVAL, Reason.NO_DATA),
        ({"shop:healthy": (float("nan"),)}, State.AWAITING_APPROVAL, Reason.NO_DATA),
        ({"shop:healthy": (1.0, 0.0)}, State.ESCALATED, Reason.UNHEALTHY_BEFORE),
        ({"http_requests_total": (0.01,)}, State.AWAITING_APPROVAL, Reason.NO_DATA),
        ({"http_requests_total": ()}, State.AWAITING_APPROVAL, Reason.NO_DATA),
    ],
)
async def test_what_the_metrics_say_of_before_the_deploy_counts(
    answers: dict[str, tuple[float, ...]], to: State, reason: Reason
) -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        rig.prometheus.answers = answers
        await rig.deliver(firing())
        await rig.settle()
        assert await state(rig) == (to, reason)
        for expr in rig.prometheus.asked:
            assert f"@ {DEPLOYED:.3f}" in expr
    assert world.did == []


async def test_traffic_may_be_measured_by_a_query_of_ones_own() -> None:
    async with a_shop_rig(gate={"traffic": "shop:rps"}) as rig:
        await live_and_bad(rig)
        rig.prometheus.answers = {"http_requests_total": (), "shop:rps": (3.0,)}
        await rig.deliver(firing())
        await rig.settle()
        assert (await the_rollback(rig)).step is Step.ROLLED_BACK


async def test_what_also_fails_where_the_release_is_not_has_another_cause() -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        await rig.deliver(firing("cache"), firing())
        await rig.settle()
        (shop,) = [one for one in await rig.events("refused") if one["target"] == "shop"]
    assert shop["reason"] == "failing_elsewhere"
    assert world.did == []


async def test_where_alertmanager_cannot_say_what_fails_elsewhere_a_human_is_asked() -> None:
    async with a_shop_rig(holds=ToldAlertmanager(error=OutsideError("away"))) as rig:
        await live_and_bad(rig)
        await rig.deliver(firing())
        await rig.settle()
        assert await state(rig) == (State.AWAITING_APPROVAL, Reason.NO_DATA)


async def test_in_shadow_it_decides_and_touches_nothing() -> None:
    world = World()
    async with a_shop_rig(world, mode="shadow") as rig:
        await live_and_bad(rig)
        await rig.deliver(firing())
        await rig.settle()
        assert (await state(rig))[0] is State.SHADOW
    async with a_shop_rig(world, mode="shadow") as rig:
        await rig.deliver(firing())
        await rig.settle()
        assert await state(rig) == (State.ESCALATED, Reason.NO_RELEASE)
    assert world.did == []


async def test_one_that_failed_half_way_calls_a_human_and_no_other_rung() -> None:
    world = World([Host(ignored={"v1"})])
    ladder = [*the_book()["ladder"], {"action": "restart", "up_for": "0"}]
    async with a_shop_rig(world, playbooks=[the_book(ladder=ladder)]) as rig:
        await live_and_bad(rig)
        await rig.deliver(firing())
        await rig.settle()
        assert await state(rig) == (State.ESCALATED, Reason.FAILED)
        assert (await the_rollback(rig)).step is Step.RESTORED
        told = await rig.told()
    assert world.hosts[0].serves == "v2"
    assert world.touched.count("restart") == 0
    assert any("v1 was activated, but it says v2" in one["text"] for one in told)


async def test_what_is_missing_is_seen_before_and_the_process_is_left_alone() -> None:
    world = World([Host(missing={"v1"})])
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        await rig.deliver(firing())
        await rig.settle()
        assert (await state(rig))[0] is State.ESCALATED
        assert await rig.journal.rollbacks() == ()
    assert world.touched == []


async def test_after_neither_was_proven_nothing_touches_the_target_until_a_human_says_so() -> None:
    world = World([Host(crash={"v1", "v2"})])
    other = {
        **the_book(name="crashes", matchers=['alertname="Crash"']),
        "ladder": [{"action": "restart", "up_for": "0"}],
    }
    crash = firing(labels={"alertname": "Crash"}, fingerprint="c")
    async with a_shop_rig(world, playbooks=[the_book(), other]) as rig:
        await live_and_bad(rig)
        await rig.deliver(firing())
        await rig.settle()
        assert (await the_rollback(rig)).step is Step.STUCK
        before = list(world.touched)
        await rig.deliver(crash)
        await rig.wait(60)
        assert await state(rig) == (State.BLOCKED, Reason.FROZEN)
        assert world.touched == before
        await say(rig, unfrozen("shop", "ann"))
        world.hosts[0].crash.clear()
        await rig.wait(60)
    assert world.touched != before


@pytest.mark.parametrize("where", ["look v1", "activate v1", "reload"])
async def test_one_that_was_cut_off_is_gone_on_with_by_whoever_takes_over(where: str) -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        world.dies_at = lambda what: what == where
        await rig.deliver(firing())
        with pytest.raises(KilledError):
            await rig.settle()
        world.dies_at = lambda _: False
        revived(rig)
        await rig.wait(40)
        assert (await the_rollback(rig)).step is Step.ROLLED_BACK
        runs = await rig.events("intent")
    assert world.hosts[0].serves == "v1"
    assert len(runs) == 1


async def test_one_that_was_cut_off_stays_where_it_is_while_nothing_may_be_done() -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        world.dies_at = lambda what: what == "reload"
        await rig.deliver(firing())
        with pytest.raises(KilledError):
            await rig.settle()
        world.dies_at = lambda _: False
        revived(rig)
        await rig.journal.pause("ann", "wait", rig.clock.now())
        before = list(world.touched)
        await rig.wait(60)
        assert (await state(rig))[0] is State.RUNNING
        assert world.touched == before
        await rig.journal.resume("ann", rig.clock.now())
        await rig.wait(20)
    assert world.hosts[0].serves == "v1"


async def test_one_whose_target_left_the_config_while_it_was_cut_off_is_a_humans() -> None:
    world = World()
    async with a_shop_rig(world) as rig:
        await live_and_bad(rig)
        world.dies_at = lambda what: what == "reload"
        await rig.deliver(firing())
        with pytest.raises(KilledError):
            await rig.settle()
        revived(rig)
        left = {name: one for name, one in rig.settings.targets.items() if name != "shop"}
        rig.settings = rig.settings.model_copy(update={"targets": left})
        await rig.wait(40)
        assert (await the_rollback(rig)).step is Step.STUCK
        assert (await state(rig))[0] is State.ESCALATED
