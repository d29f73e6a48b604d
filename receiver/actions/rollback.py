"""Goes back to the last known good release, and believes only what the target itself says afterwards.

Everything is looked at before anything is touched; what is touched is in the ledger before. One machine after the other,
and at the first failure the version that served is put forward again, once. It never walks further back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from pydantic import Field

from prunella.service.settings import Duration
from receiver.actions.base import Action, ActionFailed, Done, Effect, Logbook
from receiver.actions.by_manager import programs_of
from receiver.actions.come_up import come_up
from receiver.actions.told_programs import ToldPrograms
from receiver.actions.watch import Watch
from receiver.decide import going_back
from receiver.decide.going_back import Step
from receiver.managers.base import Manager, ManagerError
from receiver.strategies.base import Strategy, StrategyError
from receiver.targets import Target
from receiver.tools import Tools

IN_A_ROW = 3  # looks that have to see the version: one worker of several may answer for the others
EVERY = 0.5


class Rollback(Action):
    """Goes back from the release that serves to the last known good one, or to the version `to`, by the target's release
    strategy, and reloads the process by its manager unless the strategy starts it.

    Before anything is touched both versions are looked at (the one gone to, and whether the present one could be put
    forward again), and the manager has to answer. Then, machine by machine: the version is activated, the process
    reloaded, the version proven by `version:` within `prove_within`, and the process has to stay up for `up_for`. If that
    fails, the version that served is put forward again once and proven; if that fails as well, everything is left as it
    is. Both ways a human is called, and no deploy begins on the target until one lifts that. Half of the rung's `timeout`
    is for going back, the other half for putting back.

    Programs get the version that is being activated as `PRUNELLA_RELEASE`.
    """

    goes_on: ClassVar[bool] = True
    gives_up: ClassVar[bool] = True
    shows: ClassVar[bool] = True

    to: Annotated[str, Field(min_length=1, max_length=400)] | None = None
    up_for: Duration = 10.0
    prove_within: Annotated[Duration, Field(gt=0)] = 30.0

    def needs(self) -> str | None:
        return "release"

    def objection(self, target: Target) -> str | None:
        release, process = target.release, target.process
        try:
            self.wanted(release)
        except ValueError as error:
            return f"to: {error}"
        if release is not None and len(release.machines()) > 1 and not release.starts:
            return "on several machines its programs have to start the version themselves: `starts: true`"
        if process is not None:
            return process.objection("reload")
        if release is None or release.starts:
            return None
        return "its release strategy starts nothing, so it needs `process:` to be reloaded by"

    def wanted(self, release: Strategy | None) -> str | None:
        """The ledger's word for `to`. Raises ValueError for what is no version of that strategy."""
        return self.to if self.to is None or release is None else release.version_of(self.to)

    def executables(self, target: Target) -> tuple[str, ...]:
        own = () if target.release is None else target.release.programs()
        return (*programs_of(target), *own)

    async def run(self, effect: Effect, tools: Tools) -> Done:
        strategy, book = effect.target.release, effect.logbook
        if strategy is None or book is None:
            raise ActionFailed(f"{effect.target.name} has no ledger to go by", started=False)
        return await _Way(self, effect, strategy, book, tools).go()


@dataclass(frozen=True, slots=True)
class _Way:
    """There, and back again if need be."""

    action: Rollback
    effect: Effect
    strategy: Strategy
    book: Logbook
    tools: Tools

    async def go(self) -> Done:
        began, until = self.tools.clock.monotonic(), self._half_from_now()
        plan = await self.book.planned()
        new = plan.id == 0
        if new:
            await self._within(until, self._look(plan), "it could not be looked at", started=False)
            plan = await self.book.begin(plan)
        if plan.step is Step.GOING_BACK:
            plan = await self._forth(plan, until, new=new)
        if plan.step is Step.PUTTING_BACK:
            plan = await self._back(plan)
        took = self.tools.clock.monotonic() - began
        done = self._ended(plan, took)
        history = await self._history(plan)
        return (
            replace(done, text=f"{done.text}. What came with it:\n{history}") if history else done
        )

    async def _look(self, plan: going_back.Rollback) -> None:
        """Raises ActionFailed(started=False) when anything speaks against it."""
        try:
            for machine in self.strategy.machines():
                await self._require_as_told(machine, plan.version)
                await machine.preflight(plan.to, self.tools)
                await machine.way_back(plan.version, self.tools)
            await self._require_manager()
        except (StrategyError, ManagerError) as error:
            raise ActionFailed(f"not begun: {error}", started=False) from error

    async def _require_as_told(self, machine: Strategy, version: str) -> None:
        active = await machine.active(self.tools)
        if active is not None and active != version:
            raise StrategyError(
                f"{_on(machine)}{active} is active, but by the ledger it is {version}: say `prunella release finished`"
            )
        reading = await machine.running(self.effect.target.process, self.tools)
        if reading.version is not None and reading.is_of(version) is False:
            raise StrategyError(
                f"{_on(machine)}by the ledger {version} serves, but {reading.detail}: say `prunella release finished`"
            )

    async def _require_manager(self) -> None:
        manager = self.effect.target.process
        if manager is None:
            return
        if manager.observable:
            await self._watch(manager, self.tools, 0.0).first_look()
        wrong = self.strategy.misses(await manager.started_from(self.tools))
        if wrong is not None:
            raise StrategyError(wrong)

    async def _forth(
        self, plan: going_back.Rollback, until: float, *, new: bool
    ) -> going_back.Rollback:
        aid = plan.action_id
        try:
            await self._within(until, self._each(plan, until), "it did not come up")
        except ActionFailed as error:
            now = self.tools.clock.now()
            if new and not error.started:
                return await self.book.write(going_back.not_done(aid, str(error), now))
            return await self.book.write(going_back.failed(aid, str(error)))
        return await self.book.arrive(await self._history(plan))

    async def _back(self, plan: going_back.Rollback) -> going_back.Rollback:
        """The other way, the machine touched last first; those that were never reached are left alone."""
        aid, machines = plan.action_id, self.strategy.machines()
        until, wrong = self._half_from_now(), []
        for machine in machines[: max(1, plan.reached)][::-1]:
            try:
                await self._require_ours(machine, plan)
                work = self._serve(machine, plan.version, machine.restore, until)
                await self._within(until, work, "it did not come up again")
            except ActionFailed as error:  # the others have to come forward all the same
                wrong.append(f"{_on(machine)}{error}")
        now = self.tools.clock.now()
        if wrong:
            why = f"{plan.why}; then: {'; '.join(wrong)}"
            return await self.book.write(going_back.stuck(aid, why, now))
        return await self.book.write(going_back.restored(aid, plan.why, now))

    async def _each(self, plan: going_back.Rollback, until: float) -> None:
        for number, machine in enumerate(self.strategy.machines(), start=1):
            if number > 1:  # the first is in the plan itself
                await self.book.write(going_back.reached(plan.action_id, number))
            await self.tools.progress(f"{_on(machine)}going back to {plan.to}")
            try:
                await self._require_ours(machine, plan)
                await self._serve(machine, plan.to, machine.activate, until)
            except ActionFailed as error:
                untouched = number == 1 and not error.started
                raise ActionFailed(f"{_on(machine)}{error}", started=not untouched) from error

    async def _require_ours(self, machine: Strategy, plan: going_back.Rollback) -> None:
        try:
            await machine.require_ours((plan.to, plan.version), self.tools)
        except StrategyError as error:
            raise ActionFailed(str(error), started=False) from error

    async def _serve(
        self,
        machine: Strategy,
        version: str,
        activate: Callable[[str, Tools], Awaitable[None]],
        until: float,
    ) -> None:
        """Has that version serve on one machine, proven and up. Raises ActionFailed."""
        told = ToldPrograms(self.tools.programs, {"PRUNELLA_RELEASE": version})
        tools = replace(self.tools, programs=told)
        manager = None if machine.machine else self.effect.target.process
        watch = None if manager is None else self._watch(manager, tools, until)
        before = None if watch is None else await watch.look()
        tools.require_lease()
        try:
            await activate(version, tools)
        except StrategyError as error:
            raise ActionFailed(str(error), started=error.started) from error
        try:
            up = None if watch is None else await come_up(watch, before, starts=machine.starts)
            await self._proven(machine, version, tools, until)
            if watch is not None and up is not None:
                await watch.stays_up(up)
        except ActionFailed as error:
            raise ActionFailed(str(error)) from error  # by now something was touched

    async def _proven(self, machine: Strategy, version: str, tools: Tools, until: float) -> None:
        clock, seen = tools.clock, 0
        deadline = min(until, clock.monotonic() + self.action.prove_within)
        while True:
            reading = await machine.running(self.effect.target.process, tools)
            seen = seen + 1 if reading.is_of(version) else 0
            if seen >= IN_A_ROW:
                return
            # what has begun to say it may say it to the end, also on a slow machine
            if clock.monotonic() >= (until if seen else deadline):
                raise ActionFailed(f"{version} was activated, but {reading.detail}")
            await clock.sleep(EVERY)

    async def _history(self, plan: going_back.Rollback) -> str:
        """What came with the bad version; a word for people that nothing waits for."""
        try:
            async with asyncio.timeout(5.0):
                return await self.strategy.machines()[0].history(plan.to, plan.version, self.tools)
        except (StrategyError, TimeoutError):
            return ""

    async def _within(
        self, until: float, work: Awaitable[None], otherwise: str, *, started: bool = True
    ) -> None:
        try:
            async with asyncio.timeout(max(0.0, until - self.tools.clock.monotonic())):
                await work
        except TimeoutError as error:
            half = f"{self.effect.timeout / 2:g} s, half of the rung's `timeout`"
            raise ActionFailed(f"{otherwise} within {half}", started=started) from error

    def _half_from_now(self) -> float:
        return self.tools.clock.monotonic() + self.effect.timeout / 2

    def _watch(self, manager: Manager, tools: Tools, until: float) -> Watch:
        return Watch(self.effect.target.name, manager, tools, until, self.action.up_for)

    def _ended(self, plan: going_back.Rollback, took: float) -> Done:
        there, back = f"from {plan.version} to {plan.to}", plan.version
        match plan.step:
            case Step.ROLLED_BACK:
                return Done(
                    f"went back {there} in {took:.1f} s: {plan.to} is proven to serve; {back} is never "
                    f"deployed again, and deploys wait for `prunella release unfreeze {plan.target}`"
                )
            case Step.RESTORED:
                raise ActionFailed(
                    f"could not go back {there}: {plan.why}. {back} was put forward again and is proven "
                    "to serve, as before"
                )
            case Step.NOTHING_DONE:
                raise ActionFailed(f"not begun: {plan.why}", started=False)
            case _:
                raise ActionFailed(
                    f"could not go back {there}, and {back} could not be put forward again: {plan.why}. "
                    "Both are left as they are: nobody knows what serves"
                )


def _on(machine: Strategy) -> str:
    return f"{machine.machine}: " if machine.machine else ""
