"""Runs more, or fewer, instances of a process: the answer to a queue that grows faster than it is worked off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from prunella.service.rules import Rule, is_given
from receiver.actions.base import ActionFailed, Done, Effect
from receiver.actions.by_manager import ByManager
from receiver.actions.watch import Watch, watched
from receiver.managers.base import ManagerError, ProcessState, ProcessStatus, Verb
from receiver.targets import Target
from receiver.tools import Tools

_MOST = 1000


class Scale(ByManager):
    """Runs `by` (1) more instances of the target's process, or exactly so many as `instances` says (also fewer), and waits
    until they are up. What would be above `max` (10) is refused and nothing is changed.

    Nothing scales down by itself: a second playbook, or a schedule, does that with `instances`. Each instance needs its
    own memory and its own connections to the database: `max` times those must fit.
    """

    verb: ClassVar[Verb] = "scale"

    by: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    instances: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    max: Annotated[int, Field(ge=1, le=_MOST)] = 10

    @Rule
    def _one_wish(self) -> Iterator[str]:
        if is_given(self, "by") and is_given(self, "instances"):
            yield "give by or instances, not both"

    @Rule
    def _below_max(self) -> Iterator[str]:
        for name in ("by", "instances"):
            if (getattr(self, name, None) or 1) > self.max:
                yield f"{name} is above max, which is {self.max}: raise max if that is meant"

    @property
    def idempotent(self) -> bool:
        return self.instances is not None

    def objection(self, target: Target) -> str | None:
        process = target.process
        if process is not None and self.instances is None and not process.observable:
            return "`by` needs to see how many run: give its manager a `status`, or use `instances`"
        return super().objection(target)

    async def run(self, effect: Effect, tools: Tools) -> Done:
        return await watched(effect, tools, 0.0, self._scale)

    async def _scale(self, watch: Watch) -> Done:
        manager, tools = watch.manager, watch.tools
        if manager.observable:
            await watch.first_look()
        now = await _instances(watch)
        wanted = self._wanted(watch.name, now)
        if now == wanted:
            text = f"{watch.name} runs {_count(wanted)} already"
            return Done(text, {"instancesBefore": wanted, "instancesAfter": wanted})
        before = "an unknown number" if now is None else str(now)
        began = tools.clock.monotonic()
        await watch.order(lambda: manager.scale(tools, wanted))
        if now is None:
            text = f"scaled {watch.name} from {before} → {wanted}; how many run is not seen"
            return Done(text, {"instancesAsked": wanted})
        await watch.until(lambda status: _are_up(watch, status, wanted), f"{wanted} were not up")
        took = tools.clock.monotonic() - began
        text = f"scaled {watch.name} from {before} → {_count(wanted)} in {took:.1f} s"
        return Done(text, {"instancesBefore": now, "instancesAfter": wanted})

    def _wanted(self, name: str, now: int | None) -> int:
        if self.instances is not None:
            return self.instances
        if now is None:
            why = f"how many instances of {name} run cannot be seen: use `instances`"
            raise ActionFailed(why, started=False)
        wanted = now + (self.by or 1)
        if wanted > self.max:
            raise ActionFailed(
                f"{name} runs {_count(now)}: {wanted} would be above max, which is {self.max}",
                started=False,
            )
        return wanted


async def _instances(watch: Watch) -> int | None:
    try:
        return await watch.manager.instances(watch.tools)
    except ManagerError as error:
        raise ActionFailed(f"{watch.name}: {error}", started=False) from error


async def _are_up(watch: Watch, status: ProcessStatus, wanted: int) -> bool:
    if status.state is not ProcessState.UP:
        return False
    try:
        return await watch.manager.instances(watch.tools) == wanted
    except ManagerError:
        return False  # it is asked again


def _count(instances: int) -> str:
    return "1 instance" if instances == 1 else f"{instances} instances"
