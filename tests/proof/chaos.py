"""A storm over several receivers on one PostgreSQL: what happens to each alert, and who dies when, chosen by one seed.

What the seed chooses is the same in every run; when the machine does it is not. So a failed run is repeated with its
seed until it fails again, and what must hold does not depend on it.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from prunella.service.clock import SystemClock
from receiver.journal import Page
from receiver.journal.postgres import open_journal
from tests.proof.evidence import Accepted, Terms
from tests.proof.invariants import violations
from tests.proof.outside import Outside, outside
from tests.proof.quick_receiver import LEASE
from tests.proof.world import rfc3339
from tests.servers.postgres import PostgresServer
from tests.servers.process import NotReadyError, until
from tests.servers.receiver import WEBHOOK_TOKEN, ReceiverServer, receiver

AT_ONCE = 16  # incidents under way
KINDS = ("Down", "Leak", "Slow")
PATIENCE = 120.0  # until one alert is repaired or handed over
AT_ONCE_DISRUPTIVE = 4
AT_NIGHT = ("night0", "night1")
NEVER = 9  # more repairs than any ladder has


@dataclass(frozen=True, slots=True)
class Case:
    """One alert's story. `heals_after` so many repairs it ends; with NEVER when a human was called."""

    number: int
    kind: str
    target: str
    heals_after: int
    twin_shift: float | None  # an HA twin tells it too, with a start so much earlier
    repeats: int
    ends_first: bool  # a resolve overtakes the firing
    stale: bool  # a firing comes after the resolve
    again: bool  # it comes back

    @property
    def fingerprint(self) -> str:
        return f"f{self.number}"


def planned(seed: int, count: int, targets: Sequence[str]) -> Iterator[Case]:
    """The same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - dice, no secret
    for number in range(count):
        yield Case(
            number=number,
            kind=dice.choice(KINDS),
            target=dice.choice(targets),
            heals_after=dice.choice((0, 1, 1, 1, 1, 2, NEVER)),
            twin_shift=dice.choice((None, None, 0.0, 30.0, 3000.0)),
            repeats=dice.choice((0, 0, 1, 3)),
            ends_first=dice.random() < 0.1,
            stale=dice.random() < 0.4,
            again=dice.random() < 0.15,
        )


@dataclass
class Storm:
    """The receivers, the world, and what was answered."""

    receivers: list[ReceiverServer]
    world: Outside
    url: str
    dice: random.Random
    accepted: list[Accepted] = field(default_factory=list)
    escalated: frozenset[str] = frozenset()  # the alerts that a human was called to, as last seen
    told: int = 0  # stories
    killed: int = 0
    stopped: int = 0

    async def rages(self, cases: Sequence[Case], deadline: float) -> None:
        """Tells all the stories, with receivers dying meanwhile, and waits until everything has come to rest."""
        room = asyncio.Semaphore(AT_ONCE)
        async with asyncio.timeout(deadline), aiohttp.ClientSession() as session:
            others = [
                asyncio.create_task(self._slays(len(cases))),
                asyncio.create_task(self._watches()),
            ]
            try:
                await asyncio.gather(*(self._tells(case, room, session) for case in cases))
            finally:
                for task in others:
                    task.cancel()
                await asyncio.gather(*others, return_exceptions=True)
            for one in self.receivers:
                one.process.signal(signal.SIGCONT)
                if not one.process.running:
                    await one.begin()
            await until(self._rests, "everything is closed and told", deadline=deadline, every=0.2)

    async def _tells(
        self, case: Case, room: asyncio.Semaphore, session: aiohttp.ClientSession
    ) -> None:
        async with room:
            for _ in range(2 if case.again else 1):
                await self._episode(case, session)
            self.told += 1

    async def _episode(self, case: Case, session: aiohttp.ClientSession) -> None:
        begin, before = time.time(), self.world.done().get(case.fingerprint, 0)
        fires = element(case, "firing", begin)
        if case.ends_first:
            await self._delivers(session, element(case, "resolved", begin - 60, begin - 30))
        twins = [] if case.twin_shift is None else [case.twin_shift]
        shifted = [element(case, "firing", begin - shift) for shift in twins]
        await asyncio.gather(*(self._delivers(session, one) for one in (fires, *shifted)))
        self._counts(case, "firing")
        for _ in range(case.repeats):
            await self._delivers(session, fires)

        def over() -> bool:
            done = self.world.done().get(case.fingerprint, 0) - before
            return done >= case.heals_after or case.fingerprint in self.escalated

        try:
            await until(over, f"{case} is repaired or handed over", deadline=PATIENCE, every=0.05)
        except NotReadyError as error:
            raise AssertionError(f"{error}\n{await self.story(case.fingerprint)}") from error
        end = time.time()
        ends = element(case, "resolved", begin, end)
        await asyncio.gather(*(self._delivers(session, ends) for _ in (0, *twins)))
        self._counts(case, "resolved")
        if case.stale:
            await self._delivers(session, fires)

    def _counts(self, case: Case, status: str) -> None:
        """Told at least once, and it has to be in the journal."""
        self.accepted.append(Accepted(case.fingerprint, status, 202))

    async def _delivers(self, session: aiohttp.ClientSession, alert: dict[str, Any]) -> None:
        """As Alertmanager does: to somebody, again and again until it is taken."""
        twin = self.dice.random() < 0.5
        body = {
            "version": "4",
            "receiver": "hook",
            "groupKey": '{}:{alertname="x"}' if twin else '{}/{a="b"}:{alertname="x"}',
            "externalURL": "http://am-2:9093" if twin else "http://am-1:9093",
            "status": self.dice.choice(("firing", "resolved")),  # the root status lies
            "alerts": [alert],
        }
        while (status := await self._posts(session, body)) != 202:
            if status not in {0, 503}:
                self.accepted.append(Accepted(alert["fingerprint"], alert["status"], status))
                return
            await asyncio.sleep(0.1)

    async def _posts(self, session: aiohttp.ClientSession, body: dict[str, Any]) -> int:
        one = self.dice.choice(self.receivers)
        try:
            async with session.post(
                f"{one.url}/alerts",
                json=body,
                headers={"Authorization": f"Bearer {WEBHOOK_TOKEN}"},
                timeout=aiohttp.ClientTimeout(total=2.0),
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return 0

    async def _slays(self, stories: int) -> None:
        """One after the other is killed and comes back, or is stopped for less or more than its lease.

        What a dead one was about to send is taken over after a while, for which the second half of the stories is time.
        """
        dice = random.Random(self.dice.random())  # noqa: S311 - dice, no secret
        while self.told < stories / 2:
            await asyncio.sleep(dice.uniform(0.2, 1.0))
            victim = dice.choice(self.receivers)
            if dice.random() < 0.4:
                self.killed += 1
                victim.kill()
                await asyncio.sleep(dice.uniform(0.0, LEASE))
                await victim.begin()
            else:
                self.stopped += 1
                victim.process.signal(signal.SIGSTOP)
                try:
                    await asyncio.sleep(dice.uniform(0.3 * LEASE, 2.5 * LEASE))
                finally:
                    victim.process.signal(signal.SIGCONT)

    async def _watches(self) -> None:
        """To whom a human was called; not by the messages, which take their time."""
        journal = await open_journal(self.url, SystemClock())
        try:
            while True:
                found = await journal.incidents(Page(state="ESCALATED", limit=1000))
                self.escalated = frozenset(one.episode.rpartition("@")[0] for one in found)
                await asyncio.sleep(0.2)
        finally:
            await journal.close()

    async def _rests(self) -> bool:
        journal = await open_journal(self.url, SystemClock())
        try:
            states = {state for state, count in (await journal.counts()).items() if count}
            waiting = sum(one.pending for one in (await journal.backlog()).values())
        finally:
            await journal.close()
        return states <= {"RESOLVED", "EXPIRED"} and not waiting

    async def story(self, fingerprint: str) -> str:
        """What the journal says of one alert, for whoever reads why a run failed."""
        lines = await self._exported()
        rows = [json.loads(line) for line in lines]
        ours = {
            row["incident"] for row in rows if str(row.get("ep", "")).startswith(f"{fingerprint}@")
        }
        told = [
            line
            for line, row in zip(lines, rows, strict=True)
            if row.get("incident") in ours or row.get("fp") == fingerprint
        ]
        return "\n".join(told)

    async def _exported(self) -> list[str]:
        journal = await open_journal(self.url, SystemClock())
        try:
            return [line async for line in journal.export()]
        finally:
            await journal.close()

    async def wrong(self, terms: Terms) -> list[str]:
        """What contradicts an invariant."""
        return violations(await self._exported(), self.world.effects(), self.world.messages, terms)


def element(case: Case, status: str, begin: float, end: float | None = None) -> dict[str, Any]:
    """The alert as a delivery shows it."""
    labels = {"alertname": case.kind, "service": case.target, "case": f"c{case.number}"}
    return {
        "status": status,
        "labels": {**labels, "severity": "critical"},
        "annotations": {},
        "startsAt": rfc3339(begin),
        "endsAt": "0001-01-01T00:00:00Z" if end is None else rfc3339(end),
        "fingerprint": case.fingerprint,
    }


def config(url: str, world: Outside, targets: Sequence[str]) -> dict[str, Any]:
    """No limit is reached but that of what may be done at once, and no rung loses its grant for repairs that fail."""
    run = {"action": "run", "argv": [str(world.pm2), "repair"], "timeout": "10s"}
    restart = {"action": "restart", "up_for": "0", "timeout": "10s"}
    verify = {"settle": "100ms", "within": "2s", "every": "200ms", "need": 1, "decay": "0"}
    ladders = {
        "Down": [restart],
        "Leak": [{**run, "name": "gently"}, {**run, "name": "hard"}],
        "Slow": [{**run, "name": "look"}, {**restart, "name": "restart"}],
    }
    return {
        "journal": url,
        "mode": "auto",
        "executables": {"pm2": str(world.pm2)},
        "limits": {
            **dict.fromkeys(("per_target", "global", "flap", "breaker"), "100000/1h"),
            "disruptive_at_once": AT_ONCE_DISRUPTIVE,
        },
        "trust": {"min_success": 0},
        "targets": {
            name: {
                "matchers": [f'service="{name}"'],
                "process": {"manager": "pm2", "name": name, "home": str(world.folder)},
            }
            for name in (*targets, *AT_NIGHT)
        },
        "playbooks": [
            {
                "name": kind.lower(),
                "matchers": [f'alertname="{kind}"'],
                "mode": "auto",
                "group_by": ["case"],
                "cooldown": "0",
                "ladder": ladders[kind],
                "verify": {**verify, "checks": [{"alert": "cleared"}]},
            }
            for kind in KINDS
        ],
        # on targets of their own, so that no alert's repair decides how they end
        "schedules": [
            {
                "name": "nightly",
                "cron": "* * * * *",
                "action": "restart",
                "options": {"up_for": "0"},
                "on": list(AT_NIGHT),
            }
        ],
        "channels": {"ops": {"kind": "webhook", "url": f"{world.url}/ops", "digest_above": None}},
    }


@asynccontextmanager
async def storm(
    folder: Path, cluster: PostgresServer, seed: int, receivers: int, targets: Sequence[str]
) -> AsyncIterator[Storm]:
    """So many receivers, each a process of its own, on a journal of their own."""
    sys.stderr.write(f"chaos with seed {seed}\n")
    url = cluster.url(cluster.database())
    async with AsyncExitStack() as parts:
        world = await parts.enter_async_context(outside([*targets, *AT_NIGHT], 0.1))
        settings = config(url, world, targets)
        made = [
            await parts.enter_async_context(
                receiver(folder / f"receiver-{n}", settings, "tests.proof.quick_receiver")
            )
            for n in range(receivers)
        ]
        dice = random.Random(seed)  # noqa: S311 - dice, no secret
        yield Storm(made, world, url, dice)
