"""A receiver whose world is played: it can die at any point, and its journal is all that the next one gets.

The world keeps its own record (effects, messages, what was answered), and notes at the moment of each effect what then
forbade it, so that nothing rests on the receiver's word.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from receiver.journal import Journal
from receiver.pipeline import Pipeline
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context
from receiver.stages.intake import intake
from receiver.stages.schedules import Scheduler
from receiver.stages.sender import Sender
from receiver.stages.upkeep import Upkeep
from receiver.tools import Finished, OutsideError, Response, Tools
from tests.proof.evidence import Accepted, Effect, Message, Terms
from tests.proof.failpoints import watched_journal, watched_survivors, watched_tools
from tests.proof.invariants import violations
from tests.receiver.rig import START, ToldSurvivors

TARGETS = ("shop", "cache", "queue")
SLOW = 0.25  # seconds of ours
TICK = 1e-5  # no two moments are the same, so that what came first can be said


class Died(BaseException):
    """SIGKILL: nothing catches it."""


@dataclass
class FineClock:
    """Moves by itself only as much as tells two moments apart; its wall time can be set, its monotonic cannot."""

    at: float = START
    ran: float = 0.0

    def now(self) -> float:
        self.at += TICK
        return self.at

    def monotonic(self) -> float:
        self.ran += TICK
        return self.ran

    def passes(self, seconds: float) -> None:
        self.at += seconds
        self.ran += seconds

    async def sleep(self, seconds: float) -> None:
        self.passes(seconds)
        await asyncio.sleep(0)


@dataclass
class Fate:
    """When the receiver dies: at the so-many-th point from now, and then at every one, for it is dead."""

    left: int | None = None
    dead: bool = False
    where: str = ""

    def reached(self, point: str) -> None:
        if self.left is not None and not self.dead:
            self.left -= 1
            self.dead, self.where = self.left < 0, point
        if self.dead:
            raise Died(self.where)


@dataclass
class World:
    """All that is not the receiver. `forbidden` says why nothing may begin now, and on which target or on all (`*`)."""

    clock: FineClock = field(default_factory=FineClock)
    effects: list[Effect] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    forbidden: dict[str, str] = field(default_factory=dict)
    may_fire: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # by incident
    muted: set[str] = field(default_factory=set)  # incidents all of whose alerts are
    worked_on: set[str] = field(default_factory=set)  # targets of which that was announced
    another: asyncio.Event = field(default_factory=asyncio.Event)  # set when the next effect begins
    slow: bool = False  # the next effect takes so long that others come to their gate meanwhile
    health: dict[str, int | None] = field(default_factory=lambda: defaultdict(lambda: 200))
    exit_code: int | None = 0
    refuses: bool = False  # programs cannot be started
    sink: int = 200
    pid: int = 100

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = 0,
    ) -> Finished:
        """An action's program, or PM2."""
        if self.refuses:
            raise OutsideError("no such program", sent=False)
        if argv[1] == "jlist":
            return Finished(0, json.dumps([process(name, self.pid) for name in TARGETS]))
        await self._effect(env or {})
        self.pid += 1
        return Finished(self.exit_code, "")

    async def _effect(self, names: Mapping[str, str]) -> None:
        aid, target = names["PRUNELLA_ACTION_ID"], names["PRUNELLA_TARGET"]
        self.wrong += [f"{aid} began on {target}: {why}" for why in self._against(names)]
        began = self.clock.now()
        self.another.set()
        self.another = asyncio.Event()
        for _ in range(3):
            await asyncio.sleep(0)
        if self.slow:
            self.slow = False
            await self._others_may_begin()
        kind, fence = names["PRUNELLA_KIND"], int(names["PRUNELLA_FENCE"])
        self.effects.append(Effect(aid, target, kind, fence, began, self.clock.now()))

    async def _others_may_begin(self) -> None:
        """Goes on until another does, or none has for so long that none may."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.another.wait(), SLOW)

    def _against(self, names: Mapping[str, str]) -> Iterator[str]:
        """What forbids this effect at this moment."""
        for why, scope in self.forbidden.items():
            if scope in {"*", names["PRUNELLA_TARGET"]}:
                yield why
        incident = names["PRUNELLA_EPISODE"].rpartition("/")[0]
        if names["PRUNELLA_TARGET"] in self.worked_on and not _by_hand(names):
            yield "somebody works on it"
        if incident and not self.may_fire[incident]:
            yield "its alerts are over"
        if incident in self.muted:
            yield "its alerts are silenced"

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body: int = 0,
    ) -> Response:
        """The sink's hook, and the targets' health."""
        if url.endswith("/hook"):
            if self.sink == 200:
                self.messages.append(message_of(json.loads(body or b"")))
            return Response(self.sink)
        status = self.health[url.split("/")[2]]
        if status is None:
            raise OutsideError("no answer")
        return Response(status)


def _by_hand(names: Mapping[str, str]) -> bool:
    return names["PRUNELLA_EPISODE"].startswith("manual-")


def process(name: str, pid: int) -> dict[str, Any]:
    """One process as `pm2 jlist` shows it."""
    return {"name": name, "pid": pid, "pm2_env": {"status": "online", "pm_uptime": pid * 1000}}


class Complaints(logging.Handler):
    """A stage that failed is a bug, whatever came of it: it is said in the log and nowhere else."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world
        logging.getLogger("prunella.receiver").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._world.wrong.append(f"{record.getMessage()}: {error!r}")

    def close(self) -> None:
        logging.getLogger("prunella.receiver").removeHandler(self)
        super().close()


def message_of(body: Mapping[str, Any], channel: str = "ops") -> Message:
    """What a webhook sink got."""
    return Message(
        channel=channel,
        incident=body["incident"],
        event=body["event"],
        dedup=body["dedup_key"],
        at=body["at"],
        text=json.dumps(body, sort_keys=True),
    )


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


@dataclass
class Life:
    """One receiver process: everything that is lost when it dies."""

    journal: Journal
    fate: Fate
    context: Context
    pipeline: Pipeline
    upkeep: Upkeep
    scheduler: Scheduler
    of_the_journal: frozenset[asyncio.Task[Any]] = frozenset()

    async def settles(self) -> None:
        """Works off what is due at this moment, tells it, and so on until nothing is."""
        sender = Sender(self.context, "ops")
        for _ in range(200):
            if not await self.pipeline.work_off() + await sender.deliver_due():
                return
        raise AssertionError("the pipeline does not come to rest")

    async def looks(self) -> None:
        """What its timers do, whatever comes in."""
        await self.upkeep.once()
        await self.scheduler.once()

    async def ends(self) -> None:
        """As by SIGKILL: what is under way is cut off, and what was committed stays."""
        self.fate.dead = True
        spared = {asyncio.current_task(), *self.of_the_journal}
        ours = [task for task in asyncio.all_tasks() if task not in spared]
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)
        await self.journal.close()


Opens = Callable[[], Awaitable[Journal]]


async def begins(opens: Opens, world: World, settings: ReceiverSettings) -> Life:
    """A new process on the same journal."""
    before = asyncio.all_tasks()
    journal, fate = await opens(), Fate()
    its_own = frozenset(asyncio.all_tasks() - before)
    tools = watched_tools(Tools(world.clock, world, world), fate.reached)
    context = Context(
        watched_journal(journal, fate.reached),
        tools,
        lambda: settings,
        watched_survivors(ToldSurvivors(), fate.reached),
    )
    pipeline, upkeep, scheduler = Pipeline(context, "test"), Upkeep(context), Scheduler(context)
    return Life(journal, fate, context, pipeline, upkeep, scheduler, its_own)


async def delivers(life: Life, world: World, body: Mapping[str, Any], **said: Any) -> None:
    """One webhook; what is answered counts only if the answer gets out."""
    await intake(json.dumps(body).encode(), "alertmanager", life.context)
    world.accepted += [
        Accepted(alert["fingerprint"], alert["status"], 202, **said) for alert in body["alerts"]
    ]


async def judged(life: Life, world: World, terms: Terms) -> list[str]:
    """What is wrong, by the checker and by what the world noted."""
    lines = [line async for line in life.journal.export()]
    return world.wrong + violations(lines, world.effects, world.messages, terms)
