"""A process manager that follows a script by the seconds, for actions that only ever see what a manager shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import PrivateAttr

from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus, Verb
from receiver.tools import Tools

Script = Callable[[float], ProcessStatus | ManagerError]
STARTING = ProcessStatus(ProcessState.STARTING)
DOWN = ProcessStatus(ProcessState.DOWN)
MISSING = ProcessStatus(ProcessState.MISSING)


def up(*pids: int, since: float = 100.0, restarts: int = 0) -> ProcessStatus:
    return ProcessStatus(ProcessState.UP, since, pids, restarts)


class ScriptedManager(Manager):
    """Looks as `before` says until it is told to do something, and then as `after` says, by the seconds since."""

    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart", "reload", "scale", "signal"})

    _before: Script = PrivateAttr(default_factory=lambda: lambda _: up(1))
    _after: Script = PrivateAttr(default_factory=lambda: lambda _: up(2))
    _refusal: ManagerError | None = PrivateAttr(default=None)
    _began: float | None = PrivateAttr(default=None)
    _restarted_at: list[float] = PrivateAttr(default_factory=list)
    _orders: list[str] = PrivateAttr(default_factory=list)
    _smooth: bool = PrivateAttr(default=False)
    _memory: list[int | None] = PrivateAttr(default_factory=list)

    @property
    def restarts(self) -> int:
        return len(self._restarted_at)

    @property
    def orders(self) -> list[str]:
        return self._orders

    async def status(self, tools: Tools) -> ProcessStatus:
        now = tools.clock.monotonic()
        self._began = now if self._began is None else self._began
        if self._restarted_at:
            status = self._after(now - self._restarted_at[-1])
        else:
            status = self._before(now - self._began)
        if isinstance(status, ManagerError):
            raise status
        return status

    async def restart(self, tools: Tools) -> None:
        self._take("restart", tools)

    async def reload(self, tools: Tools) -> None:
        self._take("reload", tools)

    async def zero_downtime(self, tools: Tools) -> bool:
        return self._smooth

    async def instances(self, tools: Tools) -> int | None:
        return len((await self.status(tools)).pids)

    async def scale(self, tools: Tools, instances: int) -> None:
        self._take(f"scale {instances}", tools)

    async def signal(self, tools: Tools, name: str) -> None:
        self._take(name, tools)

    async def resident_bytes(self, tools: Tools) -> int | None:
        return self._memory.pop(0) if self._memory else None

    def _take(self, order: str, tools: Tools) -> None:
        if self._refusal is not None:
            raise self._refusal
        self._orders.append(order)
        self._restarted_at.append(tools.clock.monotonic())


class ReplacingManager(ScriptedManager):
    """Its reload without a gap puts new processes in place of the old."""

    reload_replaces: ClassVar[bool] = True


class BlindManager(ScriptedManager):
    """It can do things but show nothing."""

    @property
    def observable(self) -> bool:
        return False


class SlowManager(ScriptedManager):
    """What starts looks to it as if it were down."""

    shows_starting: ClassVar[bool] = False


class SingleManager(ScriptedManager):
    """It can restart and no more."""

    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart"})


def scripted(
    *,
    before: Script | ProcessStatus | ManagerError | None = None,
    after: Script | ProcessStatus | None = None,
    refusal: ManagerError | None = None,
    smooth: bool = False,
    memory: tuple[int | None, ...] = (),
    kind: type[ScriptedManager] = ScriptedManager,
    signal: str | None = None,
) -> ScriptedManager:
    manager = kind.model_validate({"gc_signal": signal})
    manager._refusal, manager._smooth, manager._memory = refusal, smooth, list(memory)
    if before is not None:
        manager._before = before if callable(before) else lambda _: before
    if after is not None:
        manager._after = after if callable(after) else lambda _: after
    return manager
