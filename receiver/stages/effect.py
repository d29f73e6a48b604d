"""What an action is told of why it runs: its permission, its target, and the alerts that it is to end."""

from __future__ import annotations

from receiver.actions.base import Cause, Effect
from receiver.decide.incident import Incident
from receiver.decide.plan import Rung
from receiver.journal import Run
from receiver.stages.context import Context, playbook_of
from receiver.stages.logbook import Logbook
from receiver.targets import Target


async def effect_of(
    run: Run, rung: Rung, target: Target, incident: Incident, context: Context
) -> Effect:
    """With the alerts that are open now."""
    return Effect(
        action_id=run.action_id,
        episode=run.episode,
        step=run.step,
        kind=run.kind,
        target=target,
        fence=run.fence,
        timeout=rung.timeout,
        labels=incident.labels,
        annotations=incident.annotations,
        causes=await _causes(incident, context),
        group_labels={name: incident.labels.get(name, "") for name in _grouped_by(incident)},
        receiver=next(iter(context.heard_as)) if len(context.heard_as) == 1 else "",
        external_url=context.heard_from.external_url,
        logbook=_logbook(incident, run, target, context),
    )


def _logbook(incident: Incident, run: Run, target: Target, context: Context) -> Logbook | None:
    return None if target.release is None else Logbook(incident, run, target.release, context)


def _grouped_by(incident: Incident) -> tuple[str, ...]:
    """Nothing for a wish by hand, whose playbook is made for it."""
    return () if incident.unprompted else playbook_of(incident).group_by


async def _causes(incident: Incident, context: Context) -> tuple[Cause, ...]:
    return tuple(
        Cause(
            fingerprint=alert.fingerprint,
            labels=alert.labels,
            annotations=alert.annotations,
            starts_at=alert.starts_at,
            generator_url=alert.generator_url,
        )
        for alert in await context.journal.alerts(incident.id)
        if alert.open
    )
