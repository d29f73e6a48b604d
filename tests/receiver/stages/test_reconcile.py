from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from receiver.decide.drift import ABSENT_FOR, Drift
from receiver.decide.incident import State
from receiver.outside.alertmanager import AlertmanagerApi
from receiver.outside.http import open_http
from receiver.stages.reconcile import SOON, Reconciler
from receiver.tools import ActiveAlert, OutsideError
from tests.receiver.rig import Rig, ToldAlertmanager, firing, resolved, rig
from tests.servers.alertmanager import alertmanager, webhook_config
from tests.servers.process import until

HOUR = 3600.0


def _active(made: Rig, **changes: bool) -> ActiveAlert:
    labels = {"alertname": "HighErrorRate", "service": "shop", "severity": "critical"}
    return ActiveAlert(
        fingerprint="fp-shop",
        labels=labels,
        annotations={},
        starts_at=made.clock.now(),
        silenced=changes.get("silenced", False),
        inhibited=changes.get("inhibited", False),
        receivers=frozenset({"prunella"}),
    )


def _known_as_prunella(made: Rig) -> None:
    made.context.heard_as.add("prunella")


async def test_a_firing_that_was_never_delivered_is_found_and_repaired() -> None:
    async with rig() as made:
        _known_as_prunella(made)
        await Reconciler(made.context, ToldAlertmanager((_active(made),))).once()
        await made.settle()
        assert len(made.programs.asked) == 1


async def test_what_was_missed_before_the_very_first_delivery_is_acted_on() -> None:
    async with rig() as made:
        stranger = replace(_active(made), fingerprint="fp-x", labels={"alertname": "Elsewhere"})
        await Reconciler(made.context, ToldAlertmanager((_active(made), stranger))).once()
        await made.settle()
        assert len(made.programs.asked) == 1
        assert [alert.fingerprint for alert in await made.journal.open_alerts()] == ["fp-shop"]


async def test_what_is_routed_to_others_only_is_not_ours_once_we_know_our_name() -> None:
    async with rig() as made:
        made.context.heard_as.add("another")
        await Reconciler(made.context, ToldAlertmanager((_active(made),))).once()
        assert await made.journal.open_alerts() == ()


async def test_a_twin_that_is_cut_off_and_goes_on_about_what_has_ended_is_not_believed() -> None:
    async with rig() as made:
        _known_as_prunella(made)
        await made.deliver(firing())
        await made.settle()
        await made.deliver(resolved())
        await made.wait(10)
        ended = 1_789_949_400.0
        told = replace(_active(made), starts_at=1_789_948_800.0, updated_at=ended - 30)
        await Reconciler(made.context, ToldAlertmanager((told,))).once()
        await made.settle()
        assert (await made.incident()).state is State.RESOLVED
        again = replace(told, updated_at=ended + 30)
        await Reconciler(made.context, ToldAlertmanager((again,))).once()
        await made.settle()
        assert len(await made.journal.open_alerts()) == 1


async def test_what_was_left_out_of_a_delivery_is_asked_for_at_once() -> None:
    async with rig() as made:
        told, began = ToldAlertmanager(), made.clock.at
        looking = asyncio.create_task(made.pipeline.reconcile(told, HOUR))
        await until(lambda: made.clock.at == began + SOON, "the first look")
        told.active = (replace(_active(made), receivers=frozenset()),)
        await made.deliver(firing("cache"), truncatedAlerts=1)

        async def found() -> bool:
            return "fp-shop" in {alert.fingerprint for alert in await made.journal.open_alerts()}

        await until(found, "what was left out")
        assert not made.context.cut_short.is_set()
        looking.cancel()


async def test_without_a_cut_the_next_look_comes_in_its_own_time() -> None:
    async with rig() as made:
        began = made.clock.at
        reconciler = Reconciler(made.context, ToldAlertmanager())
        await asyncio.wait_for(reconciler.pause(3.0), 5.0)
        assert made.clock.at == began + 3.0
        looks_again = asyncio.create_task(reconciler.pause(HOUR))
        await until(lambda: made.clock.at == began + 3.0 + SOON, "the least pause")
        assert not looks_again.done()
        made.context.cut_short.set()
        await asyncio.wait_for(looks_again, 5.0)


async def test_a_resolve_that_was_lost_closes_the_incident_in_the_end() -> None:
    async with rig(mode="shadow") as made:
        await made.deliver(firing())
        await made.settle()
        reconciler = Reconciler(made.context, ToldAlertmanager())
        await reconciler.once()
        made.clock.at += 100
        await reconciler.once()
        await made.settle()
        assert (await made.incident()).state is State.RESOLVED


async def test_i9_an_alert_silenced_after_its_delivery_is_not_acted_on() -> None:
    async with rig() as made:
        await made.journal.pause("ops", "", made.clock.now())
        await made.deliver(firing())
        await made.settle()
        silenced = ToldAlertmanager((_active(made, silenced=True),))
        await Reconciler(made.context, silenced).once()
        await made.journal.resume("ops", made.clock.now())
        await made.settle()
        assert str((await made.incident()).reason) == "silenced"
        assert made.programs.asked == []


async def test_an_alert_that_alertmanager_still_holds_never_grows_stale() -> None:
    async with rig() as made:
        await made.journal.pause("ops", "", made.clock.now())
        await made.deliver(firing())
        await made.wait(1500, step=30)
        await Reconciler(made.context, ToldAlertmanager((_active(made),))).once()
        await made.journal.resume("ops", made.clock.now())
        await made.settle()
        assert len(made.programs.asked) == 1


async def test_a_silent_alertmanager_changes_nothing() -> None:
    async with rig(mode="shadow") as made:
        await made.deliver(firing())
        await made.settle()
        silent = ToldAlertmanager(error=OutsideError("refused"))
        assert await Reconciler(made.context, silent).once() is None
        assert (await made.incident()).state is State.SHADOW


async def test_alertmanagers_name_for_us_outlives_a_restart() -> None:
    async with rig() as made:
        _known_as_prunella(made)
        await Reconciler(made.context, ToldAlertmanager()).once()
        made.context.heard_as.clear()
        await Reconciler(made.context, ToldAlertmanager((_active(made),))).once()
        assert "prunella" in made.context.heard_as


@pytest.mark.server
async def test_what_fired_and_what_ended_unheard_is_found_at_a_real_alertmanager(
    tmp_path: Path,
) -> None:
    nowhere = webhook_config("http://127.0.0.1:1/")
    async with rig() as made, alertmanager(tmp_path, nowhere) as server, open_http() as http:
        made.clock.at = time.time()
        made.context.heard_as.add("hook")
        reconciler = Reconciler(made.context, AlertmanagerApi(http, [server.url]))

        async def looks() -> Drift:
            drift = await reconciler.once()
            assert drift is not None
            await made.settle()
            return drift

        await server.post({"labels": firing()["labels"]})

        async def found() -> bool:
            return bool((await looks()).missed)

        await until(found, "the missed firing")
        assert len(made.programs.asked) == 1
        await server.post({"labels": firing()["labels"], "endsAt": "2020-01-01T00:00:00Z"})

        async def gone() -> bool:
            return bool((await looks()).absent)

        await until(gone, "the lost resolve")
        made.clock.at += ABSENT_FOR
        assert (await looks()).gone
        await made.wait(5)
        assert (await made.incident()).state is State.RESOLVED


@pytest.mark.server
async def test_what_a_real_alertmanager_holds_to_fire_before_it_begins_is_left_alone(
    tmp_path: Path,
) -> None:
    nowhere = webhook_config("http://127.0.0.1:1/")
    async with rig() as made, alertmanager(tmp_path, nowhere) as server, open_http() as http:
        made.clock.at = time.time()
        api = AlertmanagerApi(http, [server.url])
        never = {"startsAt": "2099-01-01T00:00:00Z", "endsAt": "2099-01-02T00:00:00Z"}
        await server.post({"labels": firing()["labels"], **never})

        async def held() -> bool:
            return bool(await api.alerts())

        await until(held, "the alert")
        drift = await Reconciler(made.context, api).once()
        assert drift is not None
        assert drift.missed == ()
        assert await made.journal.open_alerts() == ()
