"""Every heal that a target can have, one after the other: what is done at night and after an outage.

The one action that is made of others, which are imported here and know nothing of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from receiver.actions.base import Action, ActionFailed, ActionTimedOut, Done, Effect
from receiver.actions.heal_orphaned_records import HealOrphanedRecords
from receiver.actions.heal_stale_sessions import HealStaleSessions
from receiver.actions.heal_stuck_jobs import HealStuckJobs
from receiver.targets import Target
from receiver.tools import CalledOff, Tools

COUNTED = ("staleSessions", "stuckJobs", "orphanedRecords")


class HealAll(Action):
    """Does `heal_stuck_jobs`, `heal_stale_sessions` and `heal_orphaned_records`, those of them that the target can have.

    Touches and needs what they do, with their defaults. The `timeout` is for all of them together. One that fails does
    not stop the others; the whole has failed then, and its text says what was healed all the same.
    """

    disruptive: ClassVar[bool] = False
    cancel_safe: ClassVar[bool] = True
    heals: ClassVar[tuple[type[Action], ...]] = (
        HealStuckJobs,
        HealStaleSessions,
        HealOrphanedRecords,
    )

    @property
    def idempotent(self) -> bool:
        return True

    def objection(self, target: Target) -> str | None:
        if any(self._fitting(target)):
            return None
        return "it has nothing that could be healed: `queue:`, `postgres:` or `redis:` with sessions, `postgres:` with orphans"

    def executables(self, target: Target) -> tuple[str, ...]:
        return HealStuckJobs().executables(target)

    async def run(self, effect: Effect, tools: Tools) -> Done:
        end = tools.clock.monotonic() + effect.timeout
        done: list[Done] = []
        failed: list[tuple[str, ActionFailed]] = []
        for heal in self._fitting(effect.target):
            left = end - tools.clock.monotonic()
            try:
                tools.require_lease()
                done.append(await _in_the_rest(heal, replace(effect, timeout=left), tools))
            except CalledOff:
                if not done and not failed:
                    raise
                break
            except ActionFailed as error:
                failed.append((type(heal).__name__, error))
        if not done and not failed:
            raise ActionFailed(
                f"{effect.target.name}: {self.objection(effect.target)}", started=False
            )
        if failed:
            raise _together(failed, done)
        return Done("; ".join(one.text for one in done), _summed(done))

    def _fitting(self, target: Target) -> Iterator[Action]:
        for kind in self.heals:
            heal = kind()
            facet = heal.needs()
            there = facet is None or getattr(target, facet, None) is not None
            if there and heal.objection(target) is None:
                yield heal


async def _in_the_rest(heal: Action, effect: Effect, tools: Tools) -> Done:
    if effect.timeout <= 0:
        raise ActionTimedOut("no time was left for it", started=False)
    return await heal.run(effect, tools)


def _together(failed: list[tuple[str, ActionFailed]], done: list[Done]) -> ActionFailed:
    """The gravest of what went wrong; tried again may be only what surely changed nothing at all."""
    said = [f"{name} failed: {error}" for name, error in failed] + [one.text for one in done]
    errors = [error for _, error in failed]
    late = any(isinstance(error, ActionTimedOut) for error in errors)
    return (ActionTimedOut if late else ActionFailed)(
        "; ".join(said),
        started=bool(done) or any(error.started for error in errors),
        unknown=any(error.unknown for error in errors),
    )


def _summed(done: list[Done]) -> dict[str, int]:
    counts = Counter[str]()
    for one in done:
        counts.update({name: one.counts[name] for name in COUNTED if name in one.counts})
    return dict(counts)
