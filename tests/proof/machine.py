"""Everything that can happen to a receiver, in any order: hypothesis chooses, and the invariants must hold throughout."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from receiver.decide.incident import Incident
from receiver.decide.maintenance import Window
from receiver.decide.matchers import parse_matchers
from receiver.journal import Conflict, Journal, Page
from receiver.journal.sqlite import open_journal
from receiver.settings import ReceiverSettings
from receiver.stages import command
from receiver.stages.context import Context
from receiver.stages.reconcile import Reconciler
from receiver.stages.repair import repair
from receiver.tools import ActiveAlert
from tests.proof.evidence import Terms
from tests.proof.world import (
    TARGETS,
    Complaints,
    Died,
    World,
    begins,
    delivers,
    judged,
    rfc3339,
)
from tests.receiver.rig import START, ToldAlertmanager

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it; nothing here is about power cuts
KINDS = ("HighErrorRate", "Leak")
GROUP = frozenset(TARGETS)
TERMS = Terms(
    per_target=(3, 3600.0),
    everywhere=(6, 3600.0),
    max_unhealthy_ratio=0.7,
    groups={"web": GROUP},
    targets=GROUP,
    channels=frozenset({"ops"}),
    steady=False,
    at_rest=False,
)

AT_REST = replace(TERMS, at_rest=True)


def config(folder: Path) -> dict[str, Any]:
    """Two playbooks on three targets: one acts by itself, the other waits for a while and then asks."""
    verify = {
        "settle": "1s",
        "within": "10s",
        "every": "2s",
        "need": 2,
        "decay": "20s",
        "hold": "3s",
    }
    rungs = [{"name": name, "action": "run", "argv": ["/bin/true", name]} for name in ("a", "b")]
    return {
        "mode": "auto",
        "auth": {"webhook": [{"name": "alertmanager", "token": "t" * 32}]},
        "stop_file": str(folder / "STOP"),
        "limits": {"per_target": "3/1h", "global": "6/1h", "max_unhealthy_ratio": 0.7},
        "groups": {"web": list(TARGETS)},
        "targets": {name: target(name, folder) for name in TARGETS},
        "playbooks": [
            {
                "name": "errors",
                "matchers": ['alertname="HighErrorRate"'],
                "mode": "auto",
                "cooldown": "20s",
                "blocked_max": "5m",
                "ladder": rungs,
                "verify": {**verify, "checks": [{"http": {"path": "/health"}}]},
            },
            {
                "name": "leak",
                "matchers": ['alertname="Leak"'],
                "mode": "approve",
                "for": "5s",
                "approval_expires": "2m",
                "ladder": [{"action": "restart", "up_for": "2s"}, rungs[1]],
                "verify": {**verify, "checks": [{"alert": "cleared"}]},
            },
        ],
        "schedules": [
            {
                "name": "tidy",
                "cron": "*/10 * * * *",
                "action": "restart",
                "options": {"up_for": "2s"},
                "on": ["queue"],
                "grace": "8m",
            }
        ],
        # every message by itself: what a digest tells together, the checker cannot see
        "channels": {"ops": {"kind": "webhook", "url": "http://sink/hook", "digest_above": 1000}},
    }


def target(name: str, folder: Path) -> dict[str, Any]:
    return {
        "matchers": [f'service="{name}"'],
        "http": {"base_url": f"http://{name}"},
        "process": {"manager": "pm2", "name": name, "home": str(folder)},
    }


# seldom all of the group at once
services = st.sampled_from(["shop"] * 4 + ["cache"] * 3 + ["queue"])
seldom = st.sampled_from([True, False, False])
kinds = st.sampled_from(KINDS)
instances = st.sampled_from(["a", "b"])


BEGINNINGS = ("nothing yet", "two targets at once", "one target twice", "silenced", "announced")


class Machine(RuleBasedStateMachine):
    """The rules are what the world does; after each the receiver works off what is due, or dies of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(
            tempfile.mkdtemp(prefix="proof-", dir=MEMORY if MEMORY.is_dir() else None)
        )
        self.runner = asyncio.Runner()
        self.world = World()
        self.settings = ReceiverSettings.model_validate(config(self.folder))
        self.complaints = Complaints(self.world)
        self.firing: dict[str, ActiveAlert] = {}  # as Alertmanager holds them
        self.ended: dict[str, float] = {}
        self.windows: dict[str, int] = {}
        self.set_back = 0

    @initialize(beginning=st.sampled_from(BEGINNINGS))
    def starts(self, beginning: str) -> None:
        """With what finds a missing guard only while no other stands in its way."""

        async def start() -> None:
            self.pm2 = await asyncio.start_unix_server(
                lambda _, writer: writer.close(), self.folder / "rpc.sock"
            )
            await self.empties()
            self.life = await begins(self.opens, self.world, self.settings)

        self.runner.run(start())
        self.opens_with(beginning)

    def opens_with(self, beginning: str) -> None:
        """One of the stories that luck alone seldom tells whole."""
        match beginning:
            case "two targets at once" | "one target twice":
                same = beginning == "one target twice"
                self.two_things_are_to_be_done_at_once(list(TARGETS), same=same)
            case "silenced":
                self.something_is_silenced_or_over_while_it_is_repaired("shop", over=False)
            case "announced":
                self.somebody_works_on("shop", begins_now=True)
                self.an_alert_fires("HighErrorRate", "shop", "a", 1.0)
            case _:
                pass

    async def empties(self) -> None:
        """Nothing is left of an earlier story; here each has a folder of its own."""

    async def opens(self) -> Journal:
        """The journal, for another life."""
        return await open_journal(self.folder / "journal.db", self.world.clock.now())

    def does(self, act: Callable[[Context], Awaitable[object]]) -> None:
        """What happens, and what follows from it at once; a receiver that died is started again."""

        async def happens() -> None:
            try:
                await act(self.life.context)
                await self.life.settles()
            except Died:
                await self.life.ends()
                self.life = await begins(self.opens, self.world, self.settings)
                await self.life.settles()
            wrong = await judged(self.life, self.world, TERMS)
            assert not wrong, wrong

        self.runner.run(happens())

    def now(self) -> float:
        """Alertmanager's clock, which nobody sets."""
        return START + self.world.clock.ran

    # deliveries

    def tells(self, *alerts: dict[str, Any], **more: Any) -> None:
        body = {"version": "4", "receiver": "hook", "alerts": list(alerts), **more}
        self.does(lambda _: delivers(self.life, self.world, body, actionable=False))

    def fires(self, fingerprint: str, since: float) -> dict[str, Any]:
        """The element; whatever may come of it, from now on it may be acted on."""
        kind, service, instance = fingerprint.split("/")
        incident = f"{kind}/{service}"
        self.world.may_fire[incident].add(fingerprint)
        self.world.muted.discard(incident)
        labels = {"alertname": kind, "service": service, "instance": instance}
        return {
            "status": "firing",
            "labels": {**labels, "severity": "critical"},
            "startsAt": rfc3339(since),
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": fingerprint,
        }

    @rule(kind=kinds, service=services, instance=instances, late=st.floats(0, 60))
    def an_alert_fires(self, kind: str, service: str, instance: str, late: float) -> None:
        fingerprint = f"{kind}/{service}/{instance}"
        since = max(self.now() - late, self.ended.get(fingerprint, 0.0) + 1.0)
        element = self.fires(fingerprint, since)
        self.firing[fingerprint] = ActiveAlert(
            fingerprint=fingerprint,
            labels=element["labels"],
            annotations={},
            starts_at=since,
            silenced=False,
            inhibited=False,
            receivers=frozenset({"hook"}),
        )
        self.tells(element)

    @precondition(lambda self: self.firing)
    @rule(data=st.data(), shift=st.floats(-30, 30), twin=st.booleans())
    def it_is_said_again_perhaps_by_the_twin(
        self, data: st.DataObject, shift: float, twin: bool
    ) -> None:
        alert = self.firing[data.draw(st.sampled_from(sorted(self.firing)))]
        since = alert.starts_at + (shift if twin else 0.0)
        url = "http://twin:9093" if twin else "http://one:9093"
        self.tells(self.fires(alert.fingerprint, since), externalURL=url)

    @precondition(lambda self: self.firing)
    @rule(data=st.data(), told=st.booleans(), truncated=st.booleans())
    def an_alert_ends(self, data: st.DataObject, told: bool, truncated: bool) -> None:
        self.ends(data.draw(st.sampled_from(sorted(self.firing))), told=told, truncated=truncated)

    def ends(self, fingerprint: str, *, told: bool, truncated: bool) -> None:
        """It is over for Alertmanager; perhaps we are told."""
        alert = self.firing.pop(fingerprint)
        self.ended[fingerprint] = self.now() + 31.0
        self.world.clock.passes(31.0)
        if not told:
            return
        incident = fingerprint.rpartition("/")[0]
        element = {
            **self.fires(fingerprint, alert.starts_at),
            "status": "resolved",
            "endsAt": rfc3339(self.ended[fingerprint]),
        }
        more = {"status": "resolved", "truncatedAlerts": 5} if truncated else {}

        async def ends(_: Context) -> None:
            body = {"version": "4", "receiver": "hook", "alerts": [element], **more}
            await delivers(self.life, self.world, body, actionable=False)
            self.world.may_fire[incident].discard(fingerprint)

        self.does(ends)

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), firing=st.booleans())
    def a_straggler_of_an_earlier_time_arrives(self, data: st.DataObject, firing: bool) -> None:
        fingerprint = data.draw(st.sampled_from(sorted(self.ended)))
        held = set(self.world.may_fire[fingerprint.rpartition("/")[0]])
        element = self.fires(fingerprint, self.ended[fingerprint] - 900.0)
        if not firing:
            element |= {"status": "resolved", "endsAt": rfc3339(self.ended[fingerprint] - 890.0)}
            self.world.may_fire[fingerprint.rpartition("/")[0]] = held
        self.tells(element)

    @rule(silenced=st.sets(services))
    def alertmanager_is_read(self, silenced: set[str]) -> None:
        active = tuple(
            ActiveAlert(
                fingerprint=one.fingerprint,
                labels=one.labels,
                annotations={},
                starts_at=one.starts_at,
                silenced=one.labels["service"] in silenced,
                inhibited=False,
                receivers=one.receivers,
            )
            for one in self.firing.values()
        )

        async def read(context: Context) -> None:
            self.world.muted.clear()
            await Reconciler(context, ToldAlertmanager(active)).once()
            quiet = {one.fingerprint for one in active if one.silenced}
            self.world.muted = {
                incident
                for incident, alerts in self.world.may_fire.items()
                if alerts and alerts <= quiet
            }

        self.does(read)

    @rule(kind=kinds, service=services, helps=st.booleans(), approved=st.booleans())
    def something_breaks_and_is_repaired_or_not(
        self, kind: str, service: str, helps: bool, approved: bool
    ) -> None:
        """What the other rules find by luck only."""
        self.world.health[service] = 200 if helps else 500
        self.world.exit_code, self.world.refuses = 0, False
        self.an_alert_fires(kind, service, "a", 1.0)
        self.time_passes(12.0)
        if approved:
            self.somebody_says("approve", 0)
        self.time_passes(12.0)
        if helps:
            self.ends(f"{kind}/{service}/a", told=True, truncated=False)

    @rule(services=st.permutations(TARGETS), same=seldom)
    def two_things_are_to_be_done_at_once(self, services: list[str], same: bool) -> None:
        """By two incidents, on two targets or on one, while what is done takes its time."""
        self.nothing_forbids()
        alert = self.fires(f"HighErrorRate/{services[0]}/a", self.now())
        body = {"version": "4", "receiver": "hook", "alerts": [alert]}
        self.world.slow = True

        async def both(context: Context) -> None:
            await delivers(self.life, self.world, body, actionable=False)
            await repair(services[0 if same else 1], "restart", {"up_for": "2s"}, "ann", context)

        self.does(both)
        self.time_passes(12.0)
        self.world.slow = False

    @rule(service=services, over=st.booleans())
    def something_is_silenced_or_over_while_it_is_repaired(self, service: str, over: bool) -> None:
        """Between two rungs: the first does not help, and the second may not begin."""
        self.nothing_forbids()
        self.world.health[service] = 500
        self.an_alert_fires("HighErrorRate", service, "b", 1.0)
        if over:
            self.ends(f"HighErrorRate/{service}/b", told=True, truncated=False)
        else:
            self.alertmanager_is_read({service})
        self.time_passes(40.0)

    def nothing_forbids(self) -> None:
        """Whatever people have switched off is on again, and programs do their work."""
        self.somebody_pauses_or_resumes(on=False)
        self.the_stop_file_comes_or_goes(on=False)
        for service in sorted(self.windows):
            self.somebody_works_on(service, begins_now=False)
        self.world.exit_code, self.world.refuses = 0, False

    # time and trouble

    @rule(seconds=st.sampled_from([1.0, 3.0, 12.0, 40.0, 200.0]))
    def time_passes(self, seconds: float) -> None:
        async def passes(_: Context) -> None:
            for _step in range(12):
                self.world.clock.passes(seconds / 12)
                await self.life.looks()
                await self.life.settles()

        self.does(passes)

    @rule(hours=st.sampled_from([-1.0, 1.0]))
    def the_clock_is_set(self, hours: float) -> None:
        self.world.clock.at += hours * 3600.0 + 0.123
        self.set_back += hours < 0

        async def nothing(_: Context) -> None:
            return

        self.does(nothing)

    @rule(points=st.integers(0, 25))
    def it_will_die(self, points: int) -> None:
        self.life.fate.left = points

    @rule(service=services, status=st.sampled_from([200, 500, None]))
    def health_is(self, service: str, status: int | None) -> None:
        self.world.health[service] = status

    @rule(exit_code=st.sampled_from([0, 0, 1, None]), refuses=seldom)
    def programs_end_with(self, exit_code: int | None, refuses: bool) -> None:
        self.world.exit_code, self.world.refuses = exit_code, refuses

    @rule(status=st.sampled_from([200, 500]))
    def the_sink_answers(self, status: int) -> None:
        self.world.sink = status

    # people

    @rule(
        word=st.sampled_from(["acknowledge", "approve", "approve", "deny", "resolve"]),
        which=st.integers(0, 5),
    )
    def somebody_says(self, word: str, which: int) -> None:
        async def says(context: Context) -> None:
            found = await self.life.journal.incidents(Page(limit=6))
            if which < len(found):
                with suppress(Conflict):
                    await SAYINGS[word](found[which].id, "ann", context)

        self.does(says)

    @rule(service=services)
    def somebody_repairs(self, service: str) -> None:
        self.does(lambda context: repair(service, "restart", {"up_for": "2s"}, "ann", context))

    @rule(on=seldom)
    def somebody_pauses_or_resumes(self, on: bool) -> None:
        async def switch(context: Context) -> None:
            if on:
                await context.journal.pause("ann", "why not", context.now())
                self.world.forbidden["paused"] = "*"
            else:
                self.world.forbidden.pop("paused", None)
                await context.journal.resume("ann", context.now())

        self.does(switch)

    @rule(on=seldom)
    def the_stop_file_comes_or_goes(self, on: bool) -> None:
        file = self.folder / "STOP"
        if on:
            file.touch()
            self.world.forbidden["stop file"] = "*"
        else:
            file.unlink(missing_ok=True)
            self.world.forbidden.pop("stop file", None)

    @rule(service=services, begins_now=seldom)
    def somebody_works_on(self, service: str, begins_now: bool) -> None:
        async def announces(context: Context) -> None:
            journal, now = context.journal, context.now()
            if begins_now and service not in self.windows:
                matchers = parse_matchers(f'service="{service}"')
                window = Window(matchers, now, now + 1e6, "work", "ann")
                self.windows[service] = await journal.open_window(window, now)
                self.world.worked_on.add(service)
            elif not begins_now and service in self.windows:
                self.world.worked_on.discard(service)
                await journal.close_window(self.windows.pop(service), "ann", now)

        self.does(announces)

    def teardown(self) -> None:
        """Everything is repaired and waited for; then nothing may be left undone or untold."""
        if not hasattr(self, "life"):
            return
        try:
            self.runner.run(self._rests())
        finally:
            self.complaints.close()
            self.runner.close()
            shutil.rmtree(self.folder)

    async def _rests(self) -> None:
        try:
            self.life.fate.left = None
            self.world.sink = 200
            for service, window in self.windows.items():  # in which nobody would be told
                self.world.worked_on.discard(service)
                await self.life.context.journal.close_window(window, "ann", self.life.context.now())
            for _ in range(20):
                self.world.clock.passes(5.0)
                await self.life.looks()
                await self.life.settles()
            for _ in range(8 * (1 + self.set_back)):  # what was due then is due an hour later now
                self.world.clock.passes(500.0)
                await self.life.looks()
                await self.life.settles()
            wrong = await judged(self.life, self.world, AT_REST)
            assert not wrong, wrong
        finally:
            await self.life.ends()
            self.pm2.close()


SAYINGS: dict[str, Callable[[int, str, Context], Awaitable[Incident]]] = {
    "acknowledge": command.acknowledge,
    "approve": command.approve,
    "deny": command.deny,
    "resolve": command.resolve,
}
