"""`prunella heal`: whatever can be healed on every target that has it, begun at once and waited for, for a while.

Each is a repair by hand, so that any receiver may run it: how it ended, and how much it healed, is read in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from receiver.decide.incident import CLOSED, Incident, State
from receiver.decide.reason import Reason
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context
from receiver.stages.repair import NotThis, check, repair

ACTION_OF = {
    "all": "heal_all",
    "sessions": "heal_stale_sessions",
    "jobs": "heal_stuck_jobs",
    "orphans": "heal_orphaned_records",
}
LOOK_EVERY = 0.1
PASSING = frozenset({Reason.TARGET_BUSY, Reason.DISRUPTIVE_BUSY})  # what is soon over
AT_ITS_END = CLOSED | {State.ESCALATED, State.ACKNOWLEDGED}


@dataclass(frozen=True, slots=True)
class Heal:
    """One of them: how its run ended ("" as long as it has not), and how much it healed."""

    incident: int
    target: str
    result: str = ""
    reason: str = ""
    detail: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


async def begin_heal(
    kind: str, targets: Sequence[str] | None, by: str, context: Context
) -> tuple[Heal, ...]:
    """Opens an incident for each target. Raises NotThis, NotNow, JournalUnavailable."""
    action, settings = ACTION_OF[kind], context.settings()
    if targets is None:
        chosen = [name for name in settings.targets if _able(name, action, settings)]
    else:
        chosen = list(dict.fromkeys(targets))
    for name in chosen:  # all or none
        check(name, action, {}, settings)
    if not chosen:
        raise NotThis("nothing_to_heal", f"no target in the config has what {action} works on")
    return tuple([Heal(await repair(name, action, {}, by, context), name) for name in chosen])


def _able(name: str, action: str, settings: ReceiverSettings) -> bool:
    try:
        check(name, action, {}, settings)
    except NotThis:
        return False
    return True


async def wait_for(begun: Sequence[Heal], patience: float, context: Context) -> tuple[Heal, ...]:
    """The same as they are when all have ended, or wait for what may take long, or `patience` is over."""
    clock = context.tools.clock
    end = clock.monotonic() + patience
    while True:
        seen = tuple([one if one.result else await _seen(one, context) for one in begun])
        moving = [one for one in seen if not one.result and one.reason in {"", *PASSING}]
        if not moving or clock.monotonic() >= end:
            return seen
        begun = seen
        await clock.sleep(LOOK_EVERY)


async def _seen(heal: Heal, context: Context) -> Heal:
    incident = await context.journal.incident(heal.incident)
    if incident is None:
        return Heal(heal.incident, heal.target, "lost", detail="its incident is gone")
    if incident.state is State.BLOCKED:
        return Heal(heal.incident, heal.target, reason=str(incident.reason))
    done = incident.progress.result == "ok" and incident.state is not State.RUNNING
    if done or incident.state in AT_ITS_END:  # what failed may be tried again until then
        return await _ended(heal, incident, context)
    return Heal(heal.incident, heal.target)


async def _ended(heal: Heal, incident: Incident, context: Context) -> Heal:
    """By its last run; who was never let run was refused."""
    rows = [json.loads(line) async for line in context.journal.export(heal.incident)]
    runs = [row for row in rows if row["ev"] == "outcome" and row["result"] != "cancelled"]
    if not runs:
        reason = str(incident.reason)
        return Heal(heal.incident, heal.target, "refused", reason, f"nothing was done: {reason}")
    last = runs[-1]
    return Heal(
        incident=heal.incident,
        target=heal.target,
        result=last["result"],
        reason=last["reason"],
        detail=last["detail"],
        counts=last.get("counts", {}),
    )
