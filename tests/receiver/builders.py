"""Values that tests begin with: each is whole and ordinary, and a test names only what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from receiver.decide.episode import Observation, Status, episode_name
from receiver.decide.guards import Facts, Limits
from receiver.decide.incident import Incident, State
from receiver.decide.matchers import Matchers, parse_matchers
from receiver.decide.plan import Draft, Mode, Playbook
from receiver.decide.reason import Reason
from receiver.decide.trust import Stance
from receiver.journal import Claim, Letter, Question, Run, Seen

NOW = 1_700_000_000.0
OF_API: Matchers = parse_matchers('service="api"')
LABELS = {"alertname": "HighErrorRate", "service": "api", "severity": "critical"}


def an_alert(
    fingerprint: str = "f1",
    *,
    status: Status = Status.FIRING,
    starts_at: float = NOW - 60.0,
    ends_at: float | None = None,
    labels: Mapping[str, str] = LABELS,
    annotations: Mapping[str, str] | None = None,
    source: str = "alertmanager",
    confirmed: bool = False,
    as_of: float = float("inf"),
) -> Observation:
    return Observation(
        source=source,
        fingerprint=fingerprint,
        status=status,
        starts_at=starts_at,
        ends_at=ends_at,
        labels=labels,
        annotations=annotations or {},
        confirmed=confirmed,
        as_of=as_of,
    )


def a_resolve(
    fingerprint: str = "f1", *, ends_at: float | None = NOW, starts_at: float = NOW - 60.0
) -> Observation:
    return an_alert(fingerprint, status=Status.RESOLVED, starts_at=starts_at, ends_at=ends_at)


def an_element(**more: object) -> dict[str, object]:
    """One element of a webhook's `alerts`."""
    return {
        "status": "firing",
        "labels": {"alertname": "A"},
        "startsAt": "2026-11-21T08:00:00Z",
        **more,
    }


def a_draft(
    key: str = "repair|service=api|api",
    *,
    playbook: str = "repair",
    targets: tuple[str, ...] = ("api",),
    severity: str = "critical",
    reason: Reason = Reason.FIRING,
) -> Draft:
    return Draft(
        key=key,
        playbook=playbook,
        targets=targets,
        severity=severity,
        title="errors are up",
        plan=a_playbook(playbook).model_dump(mode="json", by_alias=True) if playbook else {},
        reason=reason,
    )


def a_seen(
    observation: Observation | None = None,
    *,
    key: str = "repair|service=api|api",
    targets: tuple[str, ...] = ("api",),
    severity: str = "critical",
    playbook: str = "repair",
) -> Seen:
    draft = a_draft(key, targets=targets, severity=severity, playbook=playbook)
    return Seen(observation or an_alert(), draft)


def a_rung(name: str = "restart", action: str = "restart", **more: object) -> dict[str, object]:
    return {"name": name, "action": action, **more}


def a_playbook(
    name: str = "repair",
    *,
    matchers: Sequence[str] = ('alertname="HighErrorRate"',),
    ladder: Sequence[Mapping[str, object]] = (),
    **more: object,
) -> Playbook:
    return Playbook.model_validate(
        {"name": name, "matchers": list(matchers), "ladder": list(ladder) or [a_rung()], **more}
    )


@dataclass(frozen=True)
class ATarget:
    """As much of a target as planning looks at."""

    name: str = "api"
    matchers: Matchers = OF_API


def an_incident(
    number: int = 1,
    *,
    state: State = State.OPEN,
    reason: Reason = Reason.FIRING,
    targets: tuple[str, ...] = ("api",),
    playbook: Playbook | None = None,
) -> Incident:
    book = playbook or a_playbook()
    return Incident(
        id=number,
        key=f"{book.name}|service=api|api",
        playbook=book.name,
        state=state,
        reason=reason,
        severity="critical",
        title="errors are up",
        targets=targets,
        episode=episode_name("f1", NOW - 60.0),
        opened_at=NOW,
        labels=LABELS,
        annotations={},
        plan=book.model_dump(mode="json", by_alias=True),
    )


def a_question(
    now: float = NOW,
    *,
    mode: Mode = Mode.AUTO,
    target: str = "api",
    disruptive: bool = True,
    limits: Limits | None = None,
    cooldown: float = 0.0,
    blocked_by: Matchers = (),
    group: frozenset[str] = frozenset(),
    stop_file: bool = False,
) -> Question:
    return Question(
        now=now,
        stance=Stance(mode, mode),
        target=target,
        disruptive=disruptive,
        target_known=True,
        stop_file=stop_file,
        cooldown=cooldown,
        limits=limits or Limits(),
        blocked_by=blocked_by,
        group=group,
    )


def the_facts(
    *, now: float = NOW, mode: Mode = Mode.AUTO, target: str = "api", last_seen: float = NOW
) -> Facts:
    """Facts that no guard objects to; `dataclasses.replace` says what is different."""
    return Facts(now=now, mode=mode, target=target, last_seen=last_seen)


def a_run(
    claim: Claim,
    *,
    target: str = "api",
    rung: int = 0,
    attempt: int = 1,
    disruptive: bool = True,
    began_at: float = NOW,
) -> Run:
    incident = claim.incident
    return Run(
        action_id=f"test-{incident.id}-{rung}-{attempt}-{target}",
        incident=incident.id,
        playbook=incident.playbook,
        episode=incident.episode,
        rung=rung,
        attempt=attempt,
        step="restart",
        kind="restart",
        target=target,
        disruptive=disruptive,
        fence=claim.fence,
        began_at=began_at,
    )


def a_letter(
    event: str = "opened", *, channel: str = "ops", dedup: str | None = None, incident: int = 1
) -> Letter:
    return Letter(channel, event, {"incident": incident}, dedup or f"{incident}-{event}")
