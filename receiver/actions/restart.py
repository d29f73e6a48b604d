"""Restarts a process by its manager and believes only what it sees: up, as a new process, and still up later."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from prunella.service.settings import Duration
from receiver.actions.base import Action, ActionFailed, ActionTimedOut, Done, Effect
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus
from receiver.tools import Tools


class Restart(Action):
    """Restarts the target's process; it must then stay up for `up_for`."""

    up_for: Duration = 10.0

    @property
    def idempotent(self) -> bool:
        return True

    def needs(self) -> str | None:
        return "process"

    async def run(self, effect: Effect, tools: Tools) -> Done:
        manager = effect.target.process
        if manager is None:
            raise ActionFailed(f"{effect.target.name} has no process", started=False)
        watch = _Watch(manager, tools, tools.clock.monotonic() + effect.timeout, self.up_for)
        try:
            async with asyncio.timeout(effect.timeout):
                return Done(await self._restart(effect.target.name, watch))
        except TimeoutError as error:
            raise ActionTimedOut(f"no end within {effect.timeout:g} s") from error

    async def _restart(self, name: str, watch: _Watch) -> str:
        before = await _first_look(name, watch)
        if before.state is ProcessState.STARTING:
            found = await watch.wait_out_restart(before)
            if found is not None:
                return f"{name} was being restarted already: pid {_pids(found)}"
        began = watch.tools.clock.monotonic()
        try:
            await watch.manager.restart(watch.tools)
        except ManagerError as error:
            raise ActionFailed(f"{name}: {error}", started=error.started) from error
        after = await watch.wait_until_up(before)
        took = watch.tools.clock.monotonic() - began
        await watch.stays_up(after)
        return f"restarted {name} in {took:.1f} s: pid {_pids(before)} → {_pids(after)}"


@dataclass(frozen=True, slots=True)
class _Watch:
    """Looks at one process again and again, until the action's deadline."""

    manager: Manager
    tools: Tools
    deadline: float
    up_for: float

    async def wait_out_restart(self, before: ProcessStatus) -> ProcessStatus | None:
        """The status when a restart by somebody else came to a good end; None when it did not.

        It gets half of the time: what does not come up by itself in that still has to be restarted.
        """
        clock = self.tools.clock
        patience = clock.monotonic() + (self.deadline - clock.monotonic()) / 2
        while before.state is ProcessState.STARTING and clock.monotonic() < patience:
            await clock.sleep(self.manager.poll)
            before = await self._look() or before
        if before.state is not ProcessState.UP:
            return None
        try:
            await self.stays_up(before)
        except ActionFailed:
            return None
        return before

    async def wait_until_up(self, before: ProcessStatus) -> ProcessStatus:
        """The status once every process is another one than before and up. A start-up grace is waited for."""
        while True:
            status = await self._look()
            if status is not None:
                if status.state in {ProcessState.DOWN, ProcessState.MISSING}:
                    raise ActionFailed(f"after the restart it is {status.state}")
                if status.state is ProcessState.UP and _is_another(before, status):
                    return status
            await self._pause("it did not come up")

    async def stays_up(self, first: ProcessStatus) -> None:
        """Raises ActionFailed when it goes down, or is started anew, within `up_for`."""
        clock = self.tools.clock
        began = clock.monotonic()
        while (left := began + self.up_for - clock.monotonic()) > 0:
            await self._pause("it was not seen to stay up", left)
            status = await self._look()
            if status is not None and not (
                status.state is ProcessState.UP and _is_same(first, status)
            ):
                took = clock.monotonic() - began
                raise ActionFailed(f"it came up and was {_what(status)} within {took:.1f} s")

    async def _look(self) -> ProcessStatus | None:
        """None when the manager cannot be asked just now: that says nothing about the process."""
        try:
            return await self.manager.status(self.tools)
        except ManagerError:
            return None

    async def _pause(self, otherwise: str, at_most: float = float("inf")) -> None:
        if self.tools.clock.monotonic() >= self.deadline:
            raise ActionTimedOut(f"{otherwise} in time")
        await self.tools.clock.sleep(min(self.manager.poll, at_most))


async def _first_look(name: str, watch: _Watch) -> ProcessStatus:
    try:
        status = await watch.manager.status(watch.tools)
    except ManagerError as error:
        raise ActionFailed(f"{name}: {error}", started=False) from error
    if status.state is ProcessState.MISSING:
        raise ActionFailed(f"{name}: its manager knows no such process", started=False)
    if watch.tools.ourselves.intersection(status.pids):
        raise ActionFailed(f"{name} is the receiver itself: it never acts on itself", started=False)
    return status


def _is_another(before: ProcessStatus, after: ProcessStatus) -> bool:
    """Whether no process of before is left: other pids, or the very same with every one counted as restarted (a pid is
    used again in a small container). Start times count only without pids: in supervisord they are whole seconds."""
    if before.pids and after.pids:
        same = set(before.pids) == set(after.pids)
        counted = after.restarts >= before.restarts + len(after.pids)
        return counted if same else not set(before.pids) & set(after.pids)
    if before.started_at is not None and after.started_at is not None:
        return after.started_at > before.started_at
    return True


def _is_same(before: ProcessStatus, after: ProcessStatus) -> bool:
    """Whether every process of before still runs; one restarted instance of several is a difference.

    Start times count only without pids: a manager that reckons them from the uptime never says the same twice.
    """
    if before.pids or after.pids:
        return set(before.pids) == set(after.pids) and before.restarts == after.restarts
    return before.started_at == after.started_at


def _what(status: ProcessStatus) -> str:
    return "restarted" if status.state is ProcessState.UP else str(status.state)


def _pids(status: ProcessStatus) -> str:
    return ", ".join(map(str, status.pids)) or "none"
