"""VERIFYING, DECAYING and HEALED_HOLD: success is observed, never assumed.

One look a claim: what has been seen so far is in the incident's row, so that a restart goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from receiver import metrics
from receiver.checks.alert_cleared import AlertCleared
from receiver.checks.base import Check, FiringAlert, Scene
from receiver.consistency import build_action, build_checks
from receiver.decide.incident import Incident, State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.decide.verdict import Judgement, Look, Outcome, Sample, Verdict, judge, look
from receiver.journal import Claim, Event, IncidentAlert, Letter, Move
from receiver.stages.context import Context, commit, event_of, playbook_of
from receiver.stages.due import due_on
from receiver.stages.notify import letters
from receiver.stages.plan import finish
from receiver.stages.silence import unhush
from receiver.targets import Target

MOST_ATTEMPTS = 2  # of a rung whose action was interrupted and may be run again
LOOK_TIMEOUT = 10.0
CUT_OFF = frozenset({"unknown", "cancelled"})  # results of what may have been done in part


async def verify(claim: Claim, context: Context) -> Claim | None:
    """One look, and what follows from all looks so far."""
    incident, now = claim.incident, context.now()
    plan = playbook_of(incident).verify
    begun = incident.progress.verify_from or now
    if now < begun:
        return await commit(context, claim, Move(incident, due=begun))
    alerts = await context.journal.alerts(incident.id)
    samples = await _samples(incident, context, build_checks(plan), alerts)
    verdict = judge(
        look(samples),
        incident.progress.passes,
        plan.need,
        waited=context.now() - begun,
        within=plan.within,
        decay=plan.decay,
    )
    move = _follow_up(context, incident, verdict, samples, context.now())
    after = await commit(context, claim, move)
    if verdict.verdict is not None:
        await unhush(incident, context)
    return after


async def healed_hold(claim: Claim, context: Context) -> Claim | None:
    """Healed is held for a while, and the incident closes only when its alert has ended as well."""
    incident, now = claim.incident, context.now()
    plan = playbook_of(incident).verify
    checks = build_checks(plan)
    if all(check.direct for check in checks):
        checks = (*checks, AlertCleared())
    alerts = await context.journal.alerts(incident.id)
    samples = await _samples(incident, context, checks, alerts)
    seen, held_until = look(samples), incident.progress.since + plan.hold
    if seen is Look.BAD or (seen is Look.DECAYING and now > held_until + plan.decay):
        return await commit(context, claim, _still_broken(context, incident, samples, now))
    if seen is Look.GOOD and now >= held_until:
        return await finish(claim, context, Reason.RECOVERED, over=alerts)
    again = now + plan.every
    return await commit(
        context, claim, Move(incident, due=min(again, held_until) if now < held_until else again)
    )


async def _samples(
    incident: Incident,
    context: Context,
    checks: tuple[Check, ...],
    alerts: Iterable[IncidentAlert],
) -> tuple[Sample, ...]:
    target = context.settings().targets.get(_acted_on(incident))
    firing = tuple(FiringAlert(one.fingerprint, one.labels, one.open) for one in alerts)
    scene = Scene(target or Target(name=_acted_on(incident)), firing)
    return tuple(await asyncio.gather(*(_sample(check, scene, context) for check in checks)))


async def _sample(check: Check, scene: Scene, context: Context) -> Sample:
    try:
        async with asyncio.timeout(LOOK_TIMEOUT):
            tools = replace(context.tools, due=partial(due_on, context))
            return await check.sample(scene, tools)
    except TimeoutError:
        return Sample(Outcome.NO_DATA, f"no answer within {LOOK_TIMEOUT:g} s", check.direct)


def _acted_on(incident: Incident) -> str:
    """The target that the rung's last action touched: relative paths in checks are its own."""
    rung = playbook_of(incident).ladder[incident.rung]
    targets = rung.on or incident.targets
    return targets[min(incident.progress.target, len(targets) - 1)] if targets else ""


def _follow_up(
    context: Context,
    incident: Incident,
    verdict: Judgement,
    samples: tuple[Sample, ...],
    now: float,
) -> Move:
    match verdict.verdict:
        case Verdict.RECOVERED:
            return _half_done(incident, samples, now) or _recovered(context, incident, now)
        case Verdict.STILL_BROKEN:
            return _still_broken(context, incident, samples, now)
        case Verdict.INCONCLUSIVE:
            after = incident.moved(State.INCONCLUSIVE, Reason.NO_DATA, now)
            return Move(after, (_verdict_event(incident, Verdict.INCONCLUSIVE, samples),))
        case None:
            return _look_again(incident, verdict, now)


def _look_again(incident: Incident, verdict: Judgement, now: float) -> Move:
    due = now + playbook_of(incident).verify.every
    to = State.DECAYING if verdict.decaying else State.VERIFYING
    if to is incident.state:
        progress = changed(incident.progress, passes=verdict.passes)
        return Move(changed(incident, progress=progress), due=due)
    reason = Reason.DECAYING if verdict.decaying else Reason.STILL_BROKEN
    return Move(incident.moved(to, reason, now, passes=verdict.passes), due=due)


def _half_done(incident: Incident, samples: tuple[Sample, ...], now: float) -> Move | None:
    """What nobody but an operator or a schedule asked for has no alert whose end would show that all of it was done: that
    the target answers says nothing about the rest of a clean-up that was cut off. It is done again, or left to a human.
    """
    if not incident.unprompted or incident.progress.result != "unknown":
        return None
    if not _repeatable(incident):
        return None
    looked = (_verdict_event(incident, Verdict.INCONCLUSIVE, samples),)
    if incident.tries < MOST_ATTEMPTS:
        return Move(_once_more(incident, now), looked)
    return Move(incident.moved(State.INCONCLUSIVE, Reason.OUTCOME_UNKNOWN, now), looked)


def _repeatable(incident: Incident) -> bool:
    rung = playbook_of(incident).ladder[incident.rung]
    return build_action(rung.action, rung.options).idempotent


def _once_more(incident: Incident, now: float) -> Incident:
    after = incident.moved(State.GATING, Reason.INTERRUPTED, now)
    return changed(after, attempt=incident.attempt + 1)


def _recovered(context: Context, incident: Incident, now: float) -> Move:
    after = incident.moved(State.HEALED_HOLD, Reason.RECOVERED, now)
    seconds = now - incident.begun_at
    if not incident.unprompted:
        metrics.TIME_TO_HEAL.observe(max(0.0, seconds))
    text = f"Proven healed, {seconds:.0f} s after it was heard of."
    told = letters(context, after, "healed", text, about=_attempt(incident))
    return Move(after, (_verdict_event(incident, Verdict.RECOVERED, ()),), told)


def _still_broken(
    context: Context, incident: Incident, samples: tuple[Sample, ...], now: float
) -> Move:
    event = _verdict_event(incident, Verdict.STILL_BROKEN, samples)
    told = _ineffective(context, incident, samples)
    if incident.progress.result not in CUT_OFF or incident.state is State.HEALED_HOLD:
        return Move(incident.moved(State.NEXT_RUNG, Reason.STILL_BROKEN, now), (event,), told)
    again = _repeatable(incident)
    if again and incident.tries < MOST_ATTEMPTS and incident.state is State.VERIFYING:
        return Move(_once_more(incident, now), (event,), told)
    if again:
        return Move(incident.moved(State.NEXT_RUNG, Reason.STILL_BROKEN, now), (event,), told)
    # nobody knows whether it ran, and running it twice may do harm: a human decides
    after = incident.moved(State.INCONCLUSIVE, Reason.OUTCOME_UNKNOWN, now)
    return Move(after, (event,), told)


def _ineffective(
    context: Context, incident: Incident, samples: tuple[Sample, ...]
) -> tuple[Letter, ...]:
    seen = "; ".join(sample.detail for sample in samples if sample.outcome is not Outcome.PASS)
    text = f"It did not help: {seen}"[:1000]
    return letters(context, incident, "ineffective", text, about=_attempt(incident))


def _attempt(incident: Incident) -> str:
    """What did not hold may be healed by the next rung: two messages, not one."""
    return f"{incident.rung}.{incident.attempt}"


def _verdict_event(incident: Incident, verdict: Verdict, samples: tuple[Sample, ...]) -> Event:
    step = playbook_of(incident).ladder[incident.rung].name
    seen = [f"{sample.outcome}: {sample.detail}"[:300] for sample in samples]
    return event_of("verdict", incident, step=step, verdict=str(verdict), seen=seen)
