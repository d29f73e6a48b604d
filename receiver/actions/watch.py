"""What `restart`, `reload` and `scale` believe: a process seen up, as the one that was asked for, and still up later.

No exit code and no answer of a manager counts. A process that dies and is started again and again by its manager is told
from one that comes up slowly: one more restart would not help it, so a human is told instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from receiver.actions.base import ActionFailed, ActionTimedOut, Done, Effect
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus
from receiver.tools import Tools

LOOP = 2  # starts of each instance that nobody asked for, before it is called a loop
_GONE = frozenset({ProcessState.DOWN, ProcessState.MISSING})


@dataclass(frozen=True, slots=True)
class Change:
    """What was replaced by what."""

    before: ProcessStatus
    after: ProcessStatus
    took: float

    @property
    def pids(self) -> str:
        if not self.before.pids and not self.after.pids:
            return "its manager names no pid by which the new one would be told from the old"
        return f"pid {pids_of(self.before)} → {pids_of(self.after)}"


@dataclass(slots=True)
class _Starts:
    """Counts how often each instance was started since the first look: by the manager's own count, by new pids, or by
    the time of the last start."""

    first: ProcessStatus
    counted: int = 0
    dated: int = 0
    instances: int = 1
    fresh: set[int] = field(default_factory=set)
    last: float | None = None

    def __post_init__(self) -> None:
        self.last = self.first.started_at
        self.add(self.first)

    def add(self, status: ProcessStatus) -> int:
        self.instances = max(self.instances, len(status.pids))
        self.fresh |= set(status.pids) - set(self.first.pids)
        self.counted = max(self.counted, status.restarts - self.first.restarts)
        if status.started_at is not None:
            # a second apart: some managers reckon the time anew at each look
            self.dated += self.last is not None and status.started_at >= self.last + 1
            self.last = (
                status.started_at if self.last is None else max(self.last, status.started_at)
            )
        return max(self.counted, self.dated, len(self.fresh)) // self.instances


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks at one target's process again and again, until the action's deadline."""

    name: str
    manager: Manager
    tools: Tools
    deadline: float
    up_for: float = 0.0

    async def first_look(self) -> ProcessStatus:
        """How it is before anything is done. Raises ActionFailed for what is not there, or is ourselves."""
        try:
            status = await self.manager.status(self.tools)
        except ManagerError as error:
            raise ActionFailed(f"{self.name}: {error}", started=False) from error
        if status.state is ProcessState.MISSING:
            why = f"{self.name}: its manager knows no such process"
            raise ActionFailed(why, started=False)
        if self.tools.ourselves.intersection(status.pids):
            why = f"{self.name} is the receiver itself: it never acts on itself"
            raise ActionFailed(why, started=False)
        return status

    async def order(self, order: Callable[[], Awaitable[None]]) -> None:
        """Has the manager do it. Raises ActionFailed."""
        try:
            await order()
        except ManagerError as error:
            raise ActionFailed(f"{self.name}: {error}", started=error.started) from error

    async def replaced(
        self, before: ProcessStatus, order: Callable[[], Awaitable[None]], *, by_others: bool = True
    ) -> Change:
        """Has it done and looks until the process is up, and has stayed so; `by_others`: with new processes."""
        began = self.tools.clock.monotonic()
        await self.order(order)
        after = await self.until_up(before, by_others=by_others)
        took = self.tools.clock.monotonic() - began
        await self.stays_up(after)
        return Change(before, after, took)

    async def settled(self, before: ProcessStatus) -> tuple[ProcessStatus, bool]:
        """Waits until a restart by somebody else, or a start that is younger than `up_for`, has come to its end; True
        when it was started meanwhile and holds, so that nothing is left to do.

        It gets half of the time: what does not come up by itself in that still has to be restarted. Raises ActionFailed
        for a restart loop.
        """
        clock, starts, status = self.tools.clock, _Starts(before), before
        began = held_since = clock.monotonic()
        patience = began + (self.deadline - began) / 2
        anew = before.state is ProcessState.STARTING
        while self._unsettled(status, held_since if anew else None, patience):
            await self._pause("it did not settle")
            last, status = status, await self.look() or status
            self._require_no_loop(starts.add(status), began, started=False)
            if status.state is not ProcessState.UP or not is_same(last, status):
                anew, held_since = True, clock.monotonic()
        return status, anew and status.state is ProcessState.UP

    def _unsettled(self, status: ProcessStatus, held_since: float | None, patience: float) -> bool:
        clock = self.tools.clock
        if status.state is ProcessState.UP and held_since is not None:
            return clock.monotonic() - held_since < self.up_for
        if clock.monotonic() >= patience or status.state in _GONE:
            return False
        if status.state is ProcessState.STARTING:
            return True
        return status.started_at is not None and 0 <= clock.now() - status.started_at < self.up_for

    def _require_no_loop(self, starts: int, began: float, *, started: bool) -> None:
        if starts >= LOOP + started:  # one of them is the one that was asked for
            took = self.tools.clock.monotonic() - began
            loop = f"{self.name} is in a restart loop: {starts} starts in {took:.1f} s"
            cure = "another one does not help, its log says why it ends"
            raise ActionFailed(f"{loop}; {cure}", started=started)

    async def until_up(self, before: ProcessStatus, *, by_others: bool) -> ProcessStatus:
        """The status once it is up, as other processes where it has to. A start-up grace is waited for."""
        starts, began = _Starts(before), self.tools.clock.monotonic()
        while True:
            status = await self.look()
            if status is not None:
                self._require_no_loop(starts.add(status), began, started=True)
                if status.state in _GONE and self.manager.shows_starting:
                    raise ActionFailed(f"after the restart it is {status.state}")
                up = status.state is ProcessState.UP
                if up and (not by_others or is_another(before, status)):
                    return status
            await self._pause("it did not come up")

    async def stays_up(self, first: ProcessStatus) -> None:
        """Looks at it for `up_for`. Raises ActionFailed when it goes down, or is started anew, within `up_for`."""
        clock = self.tools.clock
        began = clock.monotonic()
        while (left := began + self.up_for - clock.monotonic()) > 0:
            await self._pause("it was not seen to stay up", left)
            status = await self.look()
            if status is not None and not (
                status.state is ProcessState.UP and is_same(first, status)
            ):
                took = clock.monotonic() - began
                raise ActionFailed(f"it came up and was {_what(status)} within {took:.1f} s")

    async def until(
        self, holds: Callable[[ProcessStatus], Awaitable[bool]], otherwise: str
    ) -> ProcessStatus:
        """The status once it is so at two looks in a row. Raises ActionTimedOut."""
        seen = None
        while True:
            status = await self.look()
            good = status is not None and await holds(status)
            if status is not None and good and seen is not None and is_same(seen, status):
                return status
            seen = status if good else None
            await self._pause(otherwise)

    async def look(self) -> ProcessStatus | None:
        """None when the manager cannot be asked just now: that says nothing about the process."""
        try:
            return await self.manager.status(self.tools)
        except ManagerError:
            return None

    async def _pause(self, otherwise: str, at_most: float = float("inf")) -> None:
        if self.tools.clock.monotonic() >= self.deadline:
            raise ActionTimedOut(f"{otherwise} in time")
        await self.tools.clock.sleep(min(self.manager.poll, at_most))


async def watched(
    effect: Effect, tools: Tools, up_for: float, work: Callable[[Watch], Awaitable[Done]]
) -> Done:
    """What `work` says, within the action's time. Raises ActionFailed."""
    manager = effect.target.process
    if manager is None:
        raise ActionFailed(f"{effect.target.name} has no process", started=False)
    deadline = tools.clock.monotonic() + effect.timeout
    try:
        async with asyncio.timeout(effect.timeout):
            return await work(Watch(effect.target.name, manager, tools, deadline, up_for))
    except TimeoutError as error:
        raise ActionTimedOut(f"no end within {effect.timeout:g} s") from error


def is_another(before: ProcessStatus, after: ProcessStatus) -> bool:
    """Whether no process of before is left: other pids, or the very same with every one counted as restarted (a pid is
    used again in a small container). Start times count only without pids: in supervisord they are whole seconds."""
    if before.pids and after.pids:
        same = set(before.pids) == set(after.pids)
        counted = after.restarts >= before.restarts + len(after.pids)
        return counted if same else not set(before.pids) & set(after.pids)
    if before.started_at is not None and after.started_at is not None:
        return after.started_at > before.started_at
    return True


def is_same(before: ProcessStatus, after: ProcessStatus) -> bool:
    """Whether every process of before still runs; one restarted instance of several is a difference.

    Start times count only without pids: a manager that reckons them from the uptime never says the same twice.
    """
    if before.pids or after.pids:
        return set(before.pids) == set(after.pids) and before.restarts == after.restarts
    return before.started_at == after.started_at


def _what(status: ProcessStatus) -> str:
    return "restarted" if status.state is ProcessState.UP else str(status.state)


def pids_of(status: ProcessStatus) -> str:
    """For people."""
    return ", ".join(map(str, status.pids)) or "none"
