from __future__ import annotations

from dataclasses import replace

from receiver.decide.incident import State
from receiver.stages.reconcile import Reconciler
from receiver.tools import ActiveAlert, OutsideError
from tests.receiver.rig import Rig, ToldAlertmanager, firing, resolved, rig


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
