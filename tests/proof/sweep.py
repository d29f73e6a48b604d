"""One scenario told to a receiver that dies at a chosen point of it, is started again, and has to bring it to its end.

What plays Alertmanager and the operator does as those do: it sends again until it was answered, and looks before it
asks for the same a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from prunella.service.clock import SystemClock
from receiver.decide.schedule import Schedule
from receiver.journal import Journal
from receiver.journal.engines import open_engine
from tests.proof.evidence import Accepted, Terms
from tests.proof.invariants import violations
from tests.proof.mortal import begin
from tests.proof.outside import Outside, outside
from tests.proof.world import rfc3339
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.receiver import OPERATE_TOKEN, WEBHOOK_TOKEN

DEADLINE = 60.0
TARGETS = frozenset({"api"})
VERIFY = {"settle": "50ms", "within": "200ms", "every": "50ms", "need": 1, "decay": "20s"}


@dataclass(frozen=True, slots=True)
class Where:
    """A journal's address, and how the leases of a dead one are ended early, if they would hold."""

    url: str
    leases_end: Callable[[], object] = lambda: None


@dataclass
class Stage:
    """A receiver with its world: who kills it, who starts it again, and what was asked of it meanwhile."""

    nursery: ForkServerContext
    folder: Path
    journal: str
    world: Outside
    url: str
    fatal: str
    session: aiohttp.ClientSession
    leases_end: Callable[[], object]  # what the dead one held is free: instead of waiting for it
    accepted: list[Accepted] = field(default_factory=list)
    away: list[tuple[float, float]] = field(default_factory=list)
    lives: int = 0
    process: ForkServerProcess | None = None

    @property
    def trace(self) -> Path:
        return self.folder / "points"

    def reached(self) -> list[str]:
        """The points of all lives."""
        return self.trace.read_text().splitlines()

    async def keep_alive(self) -> None:
        """Starts it, and again when it has died; only its first life is cut off."""
        while True:
            fatal = self.fatal if self.lives == 0 else ""
            died, self.lives = time.time(), self.lives + 1
            self.process = await asyncio.to_thread(
                begin, self.nursery, self.folder / "receiver.yml", self.trace, fatal
            )
            await until(self._ready_or_dead, "a life began", deadline=DEADLINE, every=0.01)
            self.away.append((died - 0.5, time.time() + 1.0))
            await until(self._dead, "never", deadline=float("inf"), every=0.01)
            await asyncio.to_thread(self.leases_end)

    def _dead(self) -> bool:
        return self.process is not None and not self.process.is_alive()

    async def _ready_or_dead(self) -> bool:
        return await self._ready() or self._dead()

    async def _asked(self, method: str, path: str, body: object = None, token: str = "") -> int:
        headers = {"Authorization": f"Bearer {token or OPERATE_TOKEN}"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self.session.request(
                method, self.url + path, json=body, headers=headers
            ) as answer:
                await answer.read()
                return answer.status
        return 0

    async def delivers(self, status: str, began: float) -> None:
        """As Alertmanager does: again and again until it is taken."""
        element = {
            "status": status,
            "labels": {"alertname": "Down", "service": "api", "severity": "critical"},
            "startsAt": rfc3339(began),
            "endsAt": rfc3339(time.time()) if status == "resolved" else "0001-01-01T00:00:00Z",
            "fingerprint": "f1",
        }
        body = {"version": "4", "receiver": "hook", "alerts": [element]}
        while (answer := await self._asked("POST", "/alerts", body, WEBHOOK_TOKEN)) != 202:
            assert answer in {0, 503}, answer
            await asyncio.sleep(0.02)
        self.accepted.append(Accepted("f1", status, answer))

    async def says(self, path: str, body: object, done: Callable[[], Awaitable[bool]]) -> None:
        """As a careful operator does: who got no answer looks before he asks again."""
        while True:
            answer = await self._asked("POST", path, body)
            await until(self._ready, "it is back", deadline=DEADLINE)
            if answer in {200, 202} or await done():
                return
            await asyncio.sleep(0.02)

    async def _ready(self) -> bool:
        return await self._asked("GET", "/-/ready") == 200

    async def _got(self, path: str) -> bytes:
        """What a question was answered with; nothing while it is away."""
        headers = {"Authorization": f"Bearer {OPERATE_TOKEN}"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self.session.get(self.url + path, headers=headers) as answer:
                return await answer.read() if answer.status == 200 else b""
        return b""

    async def incidents(self) -> list[dict[str, Any]]:
        """As the API shows them."""
        text = await self._got("/api/v1/incidents")
        found: list[dict[str, Any]] = json.loads(text)["incidents"] if text else []
        return found

    async def number(self) -> int:
        """Of the one incident; it may be away just when it is asked."""
        seen: list[int] = []

        async def answered() -> bool:
            seen.extend(one["id"] for one in await self.incidents())
            return bool(seen)

        await until(answered, f"an incident in {self.folder}", deadline=DEADLINE)
        return seen[0]

    async def rows(self) -> list[dict[str, Any]]:
        """The journal, over the API."""
        return [json.loads(line) for line in (await self._got("/api/v1/journal")).splitlines()]

    async def state(self) -> str:
        """Of the one incident."""
        found = await self.incidents()
        return str(found[0]["state"]) if found else ""

    async def until_state(self, *states: str) -> str:
        """Which of them it is in."""
        seen = ""

        async def reached() -> bool:
            nonlocal seen
            seen = await self.state()
            return seen in states

        await until(reached, f"{states} in {self.folder}", deadline=DEADLINE)
        return seen

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Journal]:
        """The journal itself, past the receiver."""
        journal, _ = await open_engine(self.journal, self.folder, SystemClock())
        try:
            yield journal
        finally:
            await journal.close()

    async def was_away(self, schedules: Iterable[Schedule]) -> None:
        """For two minutes, after it had looked at these."""
        for schedule in schedules:
            async with self.opened() as journal:
                begun = json.dumps([time.time() - 120.0, 0.0])
                await journal.remember(f"schedule:{schedule.rhythm}", begun)

    async def wrong(self) -> list[str]:
        """After the last kill: what contradicts an invariant, and what did not come to its end."""
        terms = Terms(
            targets=TARGETS,
            channels=frozenset({"ops"}),
            accepted=self.accepted,
            away=self.away,
            soon=DEADLINE,  # its leases are so short that a busy machine loses some
        )
        async with self.opened() as journal:
            lines = [line async for line in journal.export()]
            found = violations(lines, self.world.effects(), self.world.messages, terms)
            waiting = {name: one.pending for name, one in (await journal.backlog()).items()}
            states = await journal.counts()
        found += [f"left in the outbox: {waiting}"] if any(waiting.values()) else []
        return found + ([f"left open: {states}"] if states else [])


Scenario = Callable[[Stage], Awaitable[None]]


async def ladder(stage: Stage) -> None:
    """The first rung does not help, the second does; or the first was cut off, and a human ends it."""
    began = time.time()
    await stage.delivers("firing", began)
    await stage.until_state("HEALED_HOLD", "ESCALATED")
    await stage.delivers("resolved", began)


async def approval(stage: Stage) -> None:
    """Somebody is asked, approves, and it helps."""
    began = time.time()
    await stage.delivers("firing", began)
    await stage.until_state("AWAITING_APPROVAL")
    incident = await stage.number()

    async def done() -> bool:
        return await stage.state() not in {"", "AWAITING_APPROVAL"}

    await stage.says(f"/api/v1/incidents/{incident}/approve", {}, done)
    await stage.until_state("HEALED_HOLD", "ESCALATED")
    await stage.delivers("resolved", began)


async def by_hand(stage: Stage) -> None:
    """An operator has it restarted."""

    async def done() -> bool:
        return bool(await stage.incidents())

    body = {"target": "api", "action": "restart", "options": {"up_for": "0"}}
    await stage.says("/api/v1/repairs", body, done)
    if await stage.until_state("RESOLVED", "ESCALATED") == "ESCALATED":
        incident = await stage.number()
        await stage.says(f"/api/v1/incidents/{incident}/resolve", {}, done)


async def by_schedule(stage: Stage) -> None:
    """A moment has come while nobody was there; it is made up for, once."""
    if await stage.until_state("RESOLVED", "ESCALATED") == "ESCALATED":

        async def done() -> bool:
            return await stage.state() == "RESOLVED"

        incident = await stage.number()
        await stage.says(f"/api/v1/incidents/{incident}/resolve", {}, done)


def a_moment_ago() -> Schedule:
    """One that comes once a year, and came in the last minute."""
    then = datetime.fromtimestamp(time.time() // 60 * 60, UTC)
    return Schedule.model_validate(
        {
            "name": "nightly",
            "cron": f"{then.minute} {then.hour} {then.day} {then.month} *",
            "action": "restart",
            "options": {"up_for": "0"},
            "on": ["api"],
            "timeout": "5s",
        }
    )


SCENARIOS: dict[str, tuple[Scenario, int, str]] = {  # what is told, effects until healthy, mode
    "ladder": (ladder, 2, "auto"),
    "approval": (approval, 1, "approve"),
    "by hand": (by_hand, 0, "auto"),
    "by schedule": (by_schedule, 0, "auto"),
}


async def told(
    nursery: ForkServerContext, folder: Path, journal: Where, scenario: str, fatal: str = ""
) -> Stage:
    """The whole scenario with a death at `fatal`, to its end and past another death at rest."""
    tell, needed, mode = SCENARIOS[scenario]
    async with AsyncExitStack() as parts:
        world = await parts.enter_async_context(outside(sorted(TARGETS), 0.05))
        health = await parts.enter_async_context(_health(world, needed))
        port = free_port()
        schedules = [a_moment_ago()] if tell is by_schedule else []
        settings = config(journal.url, world, port, health, mode)
        written(folder / "receiver.yml", {**settings, **_as_written(schedules)})
        timeout = aiohttp.ClientTimeout(total=5.0)
        session = await parts.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        url = f"http://127.0.0.1:{port}"
        stage = Stage(nursery, folder, journal.url, world, url, fatal, session, journal.leases_end)
        await stage.was_away(schedules)
        keeper = asyncio.create_task(stage.keep_alive())
        try:
            await tell(stage)
            last = "" if schedules else "resolved"
            await until(lambda: _rests(stage, last), f"rest in {folder}", deadline=DEADLINE)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            if stage.process is not None:
                stage.process.kill()
                await asyncio.to_thread(stage.process.join)
        found = await stage.wrong()
        assert not found, f"{scenario}, killed at {fatal}: {found}"
    return stage


def _as_written(schedules: Iterable[Schedule]) -> dict[str, Any]:
    return {"schedules": [one.model_dump(mode="json", exclude_defaults=True) for one in schedules]}


def written(file: Path, settings: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(settings))


async def _rests(stage: Stage, last: str) -> bool:
    """Everything is closed and told to the last, the journal knows it, and no point was reached for a while."""
    found, reached = await stage.incidents(), len(stage.reached())
    if not found or any(one["state"] != "RESOLVED" for one in found):
        return False
    told = [(message.event, message.dedup) for message in stage.world.messages]
    noted = {row["dedup"] for row in await stage.rows() if row["ev"] == "notified"}
    if (last and last not in dict(told)) or not {dedup for _, dedup in told} <= noted:
        return False
    await asyncio.sleep(0.15)
    return len(stage.reached()) == reached


@asynccontextmanager
async def _health(world: Outside, needed: int) -> AsyncIterator[str]:
    """The target's own word: well after so many effects."""

    async def answer(_: web.Request) -> web.Response:
        ended = [effect for effect in world.effects() if effect.ended is not None]
        return web.Response(status=200 if len(ended) >= needed else 500)

    app, port = web.Application(), free_port()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def config(journal: str, world: Outside, port: int, health: str, mode: str) -> dict[str, Any]:
    """One target; the first rung may not be repeated, the second may."""
    run = {"name": "first", "action": "run", "argv": [str(world.pm2), "repair"], "timeout": "5s"}
    restart = {"name": "second", "action": "restart", "up_for": "0", "timeout": "5s"}
    return {
        "server": {"listen": f"127.0.0.1:{port}"},
        "auth": {
            "webhook": [{"name": "alertmanager", "token": WEBHOOK_TOKEN}],
            "operate": [{"name": "ann", "token": OPERATE_TOKEN}],
        },
        "journal": journal,
        "mode": "auto",
        "executables": {"pm2": str(world.pm2)},
        "targets": {
            "api": {
                "matchers": ['service="api"'],
                "http": {"base_url": health},
                "process": {"manager": "pm2", "name": "api", "home": str(world.folder)},
            }
        },
        "playbooks": [
            {
                "name": "down",
                "matchers": ['alertname="Down"', 'service="api"'],  # so its proof is a repair's too
                "mode": mode,
                "ladder": [run, restart],
                "verify": {**VERIFY, "checks": [{"http": {"path": "/health"}}]},
            }
        ],
        "channels": {"ops": {"kind": "webhook", "url": f"{world.url}/ops"}},
    }
