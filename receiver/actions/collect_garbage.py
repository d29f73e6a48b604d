"""Has an application give memory back without ending it: the mildest answer to memory that only grows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from receiver.actions.base import Action, ActionFailed, ActionTimedOut, Done, Effect
from receiver.actions.by_manager import programs_of
from receiver.actions.watch import is_same, pids_of
from receiver.endpoints import is_expected, join
from receiver.managers.base import ManagerError, ProcessState, ProcessStatus
from receiver.targets import Target
from receiver.tools import OutsideError, Tools

SETTLE = 2.0  # what a runtime takes to hand freed pages back to the system
_MIB = 1 << 20


class CollectGarbage(Action):
    """Asks the application itself: by `POST` to `http.gc_path`, or, where the target has none, by the signal
    `process.gc_signal`. The application has to have such a hook (`global.gc()` in Node under `--expose-gc`,
    `gc.collect()` in Python); a process that does not handle the signal is not sent it.

    The resident memory of the process is measured before and after, where its manager shows it, and reported in numbers.
    It is done at most once: an outcome that nobody knows is never followed by a second try.
    """

    disruptive: ClassVar[bool] = False

    def objection(self, target: Target) -> str | None:
        if target.http is not None and target.http.gc_path is not None:
            return None
        process = target.process
        if process is None or process.gc_signal is None:
            return "it needs `http.gc_path` or `process.gc_signal`, and the target has neither"
        if not process.observable:
            return "a signal needs a manager that has a `status`"
        return process.objection("signal")

    def executables(self, target: Target) -> tuple[str, ...]:
        return programs_of(target)

    async def run(self, effect: Effect, tools: Tools) -> Done:
        name = effect.target.name
        objection = self.objection(effect.target)
        if objection is not None:
            raise ActionFailed(f"{name}: {objection}", started=False)
        try:
            async with asyncio.timeout(effect.timeout):
                return await _collect(effect, tools)
        except TimeoutError as error:
            raise ActionTimedOut(f"no end within {effect.timeout:g} s") from error


async def _collect(effect: Effect, tools: Tools) -> Done:
    target = effect.target
    before = await _look(target, tools)
    if target.http is not None and target.http.gc_path is not None:
        how = await _post(effect, join(target.http.base_url, target.http.gc_path), tools)
    else:
        how = await _signal(target, before, tools)
    await tools.clock.sleep(SETTLE)
    after = await _look(target, tools)
    _require_alive(target.name, before, after)
    freed, counts = _freed(before, after)
    return Done(f"{target.name}: {how}; {freed}", counts)


@dataclass(frozen=True, slots=True)
class _Look:
    """The process and its memory; `trouble` says why one of them was not seen."""

    status: ProcessStatus | None = None
    resident: int | None = None
    trouble: str = ""


async def _look(target: Target, tools: Tools) -> _Look:
    manager = target.process
    if manager is None or not manager.observable:
        return _Look(trouble="the target has no `process` that could be looked at")
    try:
        status = await manager.status(tools)
        resident = await manager.resident_bytes(tools)
    except ManagerError as error:
        return _Look(trouble=str(error))
    unseen = "its manager does not show it" if resident is None else ""
    return _Look(status, resident, unseen)


async def _post(effect: Effect, url: str, tools: Tools) -> str:
    left = max(1.0, effect.timeout - 2 * SETTLE)
    headers = {"Idempotency-Key": effect.action_id}
    began = tools.clock.monotonic()
    try:
        response = await tools.http.request("POST", url, timeout=left, headers=headers)
    except OutsideError as error:
        raise ActionFailed(str(error), started=error.sent, unknown=error.sent) from error
    took = tools.clock.monotonic() - began
    said = f"POST to `gc_path` was answered with {response.status}"
    if not is_expected(("2xx",), response.status):
        raise ActionFailed(f"{effect.target.name}: {said}")
    return f"{said} in {took:.1f} s"


async def _signal(target: Target, before: _Look, tools: Tools) -> str:
    manager, status = target.process, before.status
    if manager is None or manager.gc_signal is None:  # refused by the objection before
        raise ActionFailed(f"{target.name} has no `process.gc_signal`", started=False)
    if status is None:
        raise ActionFailed(f"{target.name}: {before.trouble}", started=False)
    if status.state is not ProcessState.UP:
        raise ActionFailed(f"{target.name} is {status.state}: nothing to collect", started=False)
    if tools.ourselves.intersection(status.pids):
        why = f"{target.name} is the receiver itself: it never acts on itself"
        raise ActionFailed(why, started=False)
    try:
        await manager.signal(tools, manager.gc_signal)
    except ManagerError as error:
        why = f"{target.name}: {error}"
        raise ActionFailed(why, started=error.started, unknown=error.started) from error
    return f"{manager.gc_signal} was sent to pid {pids_of(status)}"


def _require_alive(name: str, before: _Look, after: _Look) -> None:
    """Raises ActionFailed when it ended the process, whatever it freed."""
    if before.status is None or after.status is None:
        return
    if before.status.state is ProcessState.UP and not is_same(before.status, after.status):
        now = f"{after.status.state}, pid {pids_of(after.status)}"
        raise ActionFailed(f"{name} did not survive it: pid {pids_of(before.status)} → {now}")


def _freed(before: _Look, after: _Look) -> tuple[str, dict[str, int]]:
    if before.resident is None or after.resident is None:
        return f"its memory cannot be seen: {before.trouble or after.trouble}", {}
    freed = before.resident - after.resident
    seen = f"resident memory {_mib(before.resident)} → {_mib(after.resident)}"
    what = f"{_mib(freed)} freed" if freed >= 0 else f"{_mib(-freed)} more than before"
    counts = {"bytesBefore": before.resident, "bytesAfter": after.resident, "bytesFreed": freed}
    return f"{seen}, {what}", counts


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f} MiB"
