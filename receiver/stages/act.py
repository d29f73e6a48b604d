"""RUNNING: the effect itself, between an intent that is already on disk and an outcome that will be.

A claim that arrives in RUNNING with an open run is one whose process died in the middle: nobody knows how far it came,
so it is looked at and never simply done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from prunella.logs import create_logger
from receiver import metrics
from receiver.actions.base import Action, ActionFailed, ActionTimedOut
from receiver.consistency import build_action
from receiver.decide.incident import Incident, State
from receiver.decide.plan import Rung
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Claim, Ended, Move, Run
from receiver.stages.afterwards import Afterwards
from receiver.stages.call_off import ENDED, called_off
from receiver.stages.context import Context, commit, event_of, follow, playbook_of
from receiver.stages.effect import effect_of
from receiver.stages.leash import leashed
from receiver.stages.logbook import Logbook
from receiver.stages.notify import letters
from receiver.stages.progress import Progress
from receiver.stages.silence import hushed, unhush
from receiver.tools import CalledOff

log = create_logger("prunella.receiver.act")
KILL_GRACE = 15.0  # what the tools may take to end a program after its own timeout
ALIVE_AGAIN = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, in the journal's words, and what to tell people."""

    result: str
    reason: Reason
    text: str
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def begun(self) -> bool:
        """Whether there was an effect; what its alert's end called off had begun, and all else that is cancelled had not."""
        return self.result != "cancelled" or self.reason is Reason.RESOLVED


async def act(claim: Claim, run: Run, rung: Rung, context: Context) -> Claim | None:
    """Does what the run permits, and writes how it ended."""
    held_back = await _last_look(run, context)
    if held_back is not None:
        return await _end(
            claim, run, Outcome("cancelled", held_back, f"not begun: {held_back}"), context
        )
    return await _done(claim, run, rung, context)


async def _done(claim: Claim, run: Run, rung: Rung, context: Context) -> Claim | None:
    log.info("action begins", incident=run.incident, action=run.kind, target=run.target)
    async with hushed(claim.incident, rung, context):
        outcome = await _perform(claim, run, rung, context)
        if outcome.result != "ok" and build_action(rung.action, rung.options).goes_on:
            await Logbook(claim.incident, run, None, context).give_up(outcome.text)
        log.info(
            "action ended",
            incident=run.incident,
            action=run.kind,
            target=run.target,
            result=outcome.result,
            said=outcome.text,
        )
        after = await _end(claim, run, outcome, context)
    if outcome.result == "failed":  # nothing is verified, so no verdict ends the silence
        await unhush(claim.incident, context)
    return after


async def interrupted(claim: Claim, context: Context) -> Claim | None:
    """What a dead process had begun: wait for its children, then record that nobody knows, then look."""
    run = await context.journal.open_run(claim.incident.id)
    if run is None:
        return await _lost(claim, context)
    alive = await context.survivors.find(run.action_id)
    rung = playbook_of(claim.incident).ladder[run.rung]
    goes_on = build_action(rung.action, rung.options).goes_on
    if not alive and goes_on:
        return await _go_on(claim, run, rung, context)
    if not alive:
        outcome = Outcome("unknown", Reason.INTERRUPTED, "the receiver was stopped in the middle")
        return await _end(claim, run, outcome, context)
    if context.now() > run.began_at + rung.timeout + KILL_GRACE:
        # the timeout that was promised holds although the process that would have enforced it is dead
        log.warning(
            "ending what an interrupted action left", action_id=run.action_id, pids=list(alive)
        )
        await context.survivors.end(run.action_id)
        if goes_on:
            return await _go_on(claim, run, rung, context)
        return await _end(claim, run, Outcome("timeout", Reason.TIMEOUT, "ended late"), context)
    log.info("an interrupted action still runs", action_id=run.action_id, pids=list(alive))
    return await _wait(claim, context)


async def _go_on(claim: Claim, run: Run, rung: Rung, context: Context) -> Claim | None:
    """The same run once more, from where its own record says that it was; half-way it stands as long as nothing may be
    done."""
    held_back = await _last_look(run, context)
    if held_back is None:
        log.warning("an interrupted action goes on", action_id=run.action_id, target=run.target)
        return await _done(claim, run, rung, context)
    log.warning("an interrupted action may not go on", action_id=run.action_id, why=held_back)
    return await _wait(claim, context)


async def _wait(claim: Claim, context: Context) -> Claim | None:
    return await commit(context, claim, Move(claim.incident, due=context.now() + ALIVE_AGAIN))


async def look_first(claim: Claim, context: Context) -> Claim | None:
    """INTERRUPTED and CANCELLED: what was meant to be repaired is looked at before anything else is thought of."""
    settle = playbook_of(claim.incident).verify.settle
    result = "cancelled" if claim.incident.state is State.CANCELLED else "unknown"
    move = _to_verifying(claim.incident, context.now(), settle, result)
    return await commit(context, claim, move)


async def _last_look(run: Run, context: Context) -> Reason | None:
    """The kill switch once more, at the moment of the effect, and the lease (I14)."""
    if context.stopped():
        return Reason.STOP_FILE
    if await context.journal.paused() is not None:
        return Reason.PAUSED
    return None if context.holds(run.incident) else Reason.INTERRUPTED


async def _perform(claim: Claim, run: Run, rung: Rung, context: Context) -> Outcome:
    incident = claim.incident
    target = context.settings().targets.get(run.target)
    if target is None:
        return Outcome("failed", Reason.NOT_STARTED, f"the target {run.target} left the config")
    effect = await effect_of(run, rung, target, incident, context)
    progress, later = Progress(claim, run, context), Afterwards(run, context)
    action = build_action(rung.action, rung.options)
    try:
        async with (
            called_off(action, incident, context) as call_off,
            asyncio.timeout(rung.timeout + KILL_GRACE),
        ):
            names, holds = effect.environment(), partial(context.holds, run.incident)
            tools = leashed(context.tools, names, holds, call_off.ask)
            tools = replace(tools, progress=progress.say, later=later.open)
            done = await context.perform(action, effect, tools)
    except CalledOff:
        return Outcome("cancelled", Reason.RESOLVED, ENDED)
    except (ActionTimedOut, TimeoutError):
        return _late(action, run, rung)
    except ActionFailed as error:
        return _failure(error)
    if call_off.heard:
        return Outcome("cancelled", Reason.RESOLVED, f"{ENDED}: {done.text}", done.counts)
    return Outcome("ok", Reason.DONE, done.text, done.counts)


def _late(action: Action, run: Run, rung: Rung) -> Outcome:
    if action.gives_up:  # nothing that a look at the target could say would settle it
        return Outcome("failed", Reason.TIMEOUT, f"{run.kind} had no end in time")
    return Outcome("timeout", Reason.TIMEOUT, f"{run.kind} took longer than {rung.timeout:g} s")


def _failure(error: ActionFailed) -> Outcome:
    if error.unknown:
        return Outcome("unknown", Reason.OUTCOME_UNKNOWN, str(error))
    if not error.started:
        return Outcome("failed", Reason.NOT_STARTED, str(error))
    return Outcome("failed", Reason.FAILED, str(error))


async def _end(claim: Claim, run: Run, outcome: Outcome, context: Context) -> Claim | None:
    now = context.now()
    metrics.ACTIONS.labels(run.playbook, run.kind, outcome.result).inc()
    event = event_of("outcome", claim.incident, **_outcome_fields(run, outcome))
    move = _after(claim.incident, outcome, now)
    if outcome.begun and _worth_telling(claim.incident, outcome):
        about = f"{run.rung}.{run.attempt}.{run.target}"
        text = f"{run.kind} on {run.target}: {outcome.text}"
        move = changed(move, letters=letters(context, claim.incident, "acted", text, about=about))
    move = changed(move, events=(event,))
    await context.journal.end(
        claim, Ended(run.action_id, outcome.result, str(outcome.reason)), move, now
    )
    return follow(claim, move)


def _worth_telling(incident: Incident, outcome: Outcome) -> bool:
    """Of what is done at its time only that it failed, or found something to do."""
    return not incident.scheduled or outcome.result != "ok" or any(outcome.counts.values())


def _outcome_fields(run: Run, outcome: Outcome) -> Mapping[str, object]:
    return {
        "aid": run.action_id,
        "step": run.step,
        "kind": run.kind,
        "target": run.target,
        "result": outcome.result,
        "reason": str(outcome.reason),
        "detail": outcome.text[:500],
        **({"counts": dict(outcome.counts)} if outcome.counts else {}),
    }


def _after(incident: Incident, outcome: Outcome, now: float) -> Move:
    """Which way the outcome leads; no exit code is believed, so a success only leads to the look."""
    book = playbook_of(incident)
    rung = book.ladder[incident.rung]
    more = incident.progress.target + 1 < len(rung.on or incident.targets)
    match outcome.result:
        case "cancelled" if outcome.begun:
            return Move(incident.moved(State.CANCELLED, outcome.reason, now, acted=True))
        case "cancelled":
            back = incident.moved(State.GATING, outcome.reason, now)
            # who was away for too long gives the claim back, and takes it again if he is the first
            due = now if outcome.reason is Reason.INTERRUPTED else None
            return Move(changed(back, attempt=incident.attempt + 1), due=due)
        case "ok" if more:
            following = incident.progress.target + 1
            return Move(
                incident.moved(State.GATING, Reason.DONE, now, target=following, acted=True)
            )
        case "ok" | "timeout":
            return _to_verifying(incident, now, book.verify.settle, outcome.result)
        case "unknown":
            return Move(incident.moved(State.INTERRUPTED, outcome.reason, now, acted=True))
        case _:
            failed = incident.moved(
                State.STEP_FAILED, outcome.reason, now, result=str(outcome.reason), acted=True
            )
            return Move(failed)


def _to_verifying(incident: Incident, now: float, settle: float, result: str) -> Move:
    after = incident.moved(
        State.VERIFYING,
        incident.reason,
        now,
        result=result,
        passes=0,
        verify_from=now + settle,
        acted=True,
    )
    return Move(after, due=now + settle)


async def _lost(claim: Claim, context: Context) -> Claim | None:
    """RUNNING without an open run cannot be written by us; a human is told rather than anything guessed."""
    after = claim.incident.moved(State.INTERRUPTED, Reason.INTERRUPTED, context.now())
    event = event_of("interrupted", after, reason="no open run")
    return await commit(context, claim, Move(after, (event,)))
