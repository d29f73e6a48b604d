"""A target with two releases whose strategy, manager and version follow a script; nothing of it is on a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from pydantic import PrivateAttr

from receiver.actions.base import ActionFailed, Effect
from receiver.decide.going_back import Rollback, Tread, arrived, begun
from receiver.decide.rollback import RollbackFacts, by_hand
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus
from receiver.strategies.base import Strategy, StrategyError
from receiver.targets import Target
from receiver.tools import Tools
from receiver.version_proof import Reading, VersionProof
from tests.receiver.builders import NOW
from tests.receiver.decide.releases import Book, a_ledger, a_release

PLAN = Rollback("shop", 2, "v2", "v1", 7, "a-1", NOW)
PROOF = VersionProof.model_validate({"url": "http://127.0.0.1:1/version", "json": "version"})


@dataclass
class Host:
    """One machine: what its layout points at, what runs, and what goes wrong with which version."""

    active: str = "v2"
    serves: str | None = "v2"
    pid: int = 1
    divided: bool = False  # while the bad one serves, its proofs contradict each other
    up: bool = True
    missing: set[str] = field(default_factory=set)  # versions whose artefact is not there
    refuses: set[str] = field(default_factory=set)  # cannot be activated, and nothing changes
    half: set[str] = field(default_factory=set)  # cannot be activated, but something changed
    ignored: set[str] = field(default_factory=set)  # after the reload the old one serves on
    crash: set[str] = field(default_factory=set)  # comes up and dies
    late: int = 0  # so many looks see the old version, after the new one was started
    hangs: set[str] = field(default_factory=set)  # its activation has no end


@dataclass
class World:
    """What was done, in order, on the machines."""

    hosts: list[Host] = field(default_factory=lambda: [Host()])
    did: list[str] = field(default_factory=list)
    unreachable: bool = False  # the process manager
    released: list[str] = field(default_factory=list)  # PRUNELLA_RELEASE of what was run
    dies_at: Callable[[str], bool] = lambda _: False

    def do(self, what: str) -> None:
        """Notes it; a killed receiver gets no further."""
        self.did.append(what)
        if self.dies_at(what):
            raise KilledError

    @property
    def touched(self) -> list[str]:
        return [one for one in self.did if not one.startswith("look")]


class KilledError(BaseException):
    """The receiver was killed there."""


class ScriptedStrategy(Strategy):
    """Moves the host's `active`."""

    _world: World = PrivateAttr(default_factory=World)
    _number: int | None = PrivateAttr(default=None)

    @property
    def host(self) -> Host:
        return self._world.hosts[self._number or 0]

    def machines(self) -> tuple[ScriptedStrategy, ...]:
        many = len(self._world.hosts) > 1
        return tuple(
            scripted(self._world, number if many else None)
            for number in range(len(self._world.hosts))
        )

    @property
    def machine(self) -> str:
        return "" if self._number is None else f"host{self._number}"

    async def active(self, tools: Tools) -> str | None:
        return self.host.active

    async def running(self, process: Manager | None, tools: Tools) -> Reading:
        version = self.host.serves if self.host.up else None
        if version == "v1" and self.host.late:
            self.host.late -= 1
            version = "v2"
        if self.host.divided and version == "v2":
            return Reading(None, "v1 and v2 serve", divided=True)
        return Reading(version, f"it says {version}" if version else "nobody answers")

    async def preflight(self, version: str, tools: Tools) -> str:
        self._world.do(f"look {self.machine}{version}")
        if version in self.host.missing:
            raise StrategyError(f"{version} is not there", started=False)
        return "whole"

    async def activate(self, version: str, tools: Tools) -> None:
        await tools.programs.run(["/bin/true"], timeout=1)
        if version in self.host.hangs:
            await asyncio.Event().wait()
        if version in self.host.refuses:
            raise StrategyError(f"{version} cannot be activated", started=False)
        if version in self.host.half:
            raise StrategyError(f"{version} was activated in part")
        self._world.do(f"activate {self.machine}{version}")
        self.host.active = version
        if len(self._world.hosts) > 1:  # there it starts it, too
            _start(self.host)

    async def history(self, good: str, bad: str, tools: Tools) -> str:
        return f"what came between {good} and {bad}"


class StartingStrategy(ScriptedStrategy):
    """Starts what it activates."""

    starts: ClassVar[bool] = True


def scripted(world: World, number: int | None = None) -> ScriptedStrategy:
    kind = StartingStrategy if len(world.hosts) > 1 else ScriptedStrategy
    made = kind(version=PROOF)
    made._world, made._number = world, number
    return made


class WorldManager(Manager):
    """Starts what is active on the first host."""

    _world: World = PrivateAttr(default_factory=World)

    async def status(self, tools: Tools) -> ProcessStatus:
        if self._world.unreachable:
            raise ManagerError("the daemon does not answer", started=False)
        host = self._world.hosts[0]
        if not host.up:
            return ProcessStatus(ProcessState.DOWN)
        return ProcessStatus(ProcessState.UP, 100.0 + host.pid, (host.pid,))

    async def reload(self, tools: Tools) -> None:
        self._world.do("reload")
        _start(self._world.hosts[0])

    async def restart(self, tools: Tools) -> None:
        self._world.do("restart")
        _start(self._world.hosts[0])


def _start(host: Host) -> None:
    host.pid += 1
    host.up = host.active not in host.crash
    if host.active not in host.ignored:
        host.serves = host.active


@dataclass
class StandInLogbook:
    """In memory; `shut` is what the gate says when it is asked once more."""

    world: World
    book: Book
    plan: Rollback = PLAN
    shut: str = ""

    async def planned(self) -> Rollback:
        known = [one for one in self.book.rollbacks if one.action_id == self.plan.action_id]
        return known[0] if known else self.plan

    async def begin(self, planned: Rollback) -> Rollback:
        if self.shut:
            raise ActionFailed(self.shut, started=False)
        return await self.write(begun(planned, by_hand(RollbackFacts(NOW, (), None))))

    async def write(self, tread: Tread) -> Rollback:
        after = self.book.take(tread)
        self.world.do(f"write {after.step}")
        return after

    async def arrive(self, history: str) -> Rollback:
        return await self.write(arrived(self.plan.action_id, NOW, {"history": history}))


def a_shop(world: World, **changes: Any) -> Target:
    """With its releases; on one machine by a process manager, on several the strategy starts it."""
    manager = None
    if len(world.hosts) == 1:
        manager = WorldManager()
        manager._world = world
    return Target(name="shop", process=manager, release=scripted(world), **changes)


def a_logbook(world: World) -> StandInLogbook:
    """v1 is good, v2 serves."""
    good = replace(a_release("v1", hours_ago=10), target="shop")
    bad = replace(a_release("v2", compatible_down_to="v1"), target="shop")
    return StandInLogbook(world, Book(a_ledger(good, bad)))


def an_effect_of(target: Target, book: StandInLogbook, timeout: float = 60.0) -> Effect:
    return Effect(
        action_id=book.plan.action_id,
        episode="f1@1700000000",
        step="rollback",
        kind="rollback",
        target=target,
        fence=7,
        timeout=timeout,
        logbook=book,
    )
