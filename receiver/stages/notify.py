"""Telling people: letters are written with the change they tell of; `sender` delivers them later.

Who hears of what is decided here, when it happens: by what the playbook says, what the channel asks for, and the hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace

from prunella.logs import create_logger
from receiver.channels.base import MANY, Channel, Notice
from receiver.decide.escalation import Policy, policy_name
from receiver.decide.incident import CLOSED, Incident, State
from receiver.decide.matchers import matches_all
from receiver.decide.plan import highest
from receiver.decide.reason import Reason
from receiver.journal import Letter
from receiver.journal.mail import CALL, ENDS, INSTEAD_OF
from receiver.outside.runbooks import runbook_link
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context
from receiver.stages.question import question_of

log = create_logger("prunella.receiver.notify")
_NOBODY = Policy()  # what most incidents of a storm have
_FIELDS = tuple(
    one.name for one in fields(Notice) if one.name not in {"question", "thread", "picture"}
)

_WEB = ("http://", "https://")
_OF_A_SCOPE = frozenset({"frozen", "thawed"})
_OF_NO_NEWS = frozenset({"opened", "blocked", "healed", "resolved"})
DASHBOARD = "Dashboard"  # the caption of the link that gets the time of the incident
_CALLS = frozenset({"opened", "escalated"})  # of an incident that only a human will end
_FOR_WHOM_WAS_CALLED = frozenset({"acknowledged", "resolved"})
_TITLES = {
    "opened": "firing",
    "acted": "acted on",
    "approval_requested": "approval needed",
}


def letters(
    context: Context,
    incident: Incident,
    event: str,
    text: str,
    *,
    about: str = "",
) -> tuple[Letter, ...]:
    """One letter for each channel that wants to hear of this; `about` tells two events of one kind apart."""
    settings = context.settings()
    if not settings.channels or _goes_without_saying(incident, event):
        return ()
    audience = _audience(context, incident, event)
    called = _called(settings, incident, audience) if event in _FOR_WHOM_WAS_CALLED else ()
    stand_ins = _stand_ins(settings) if event in ENDS else {}
    if not (audience or called or stand_ins):
        return ()
    notice = _notice(context, incident, event, text, about)
    chosen = [name for name in audience if wants(settings, name, incident.playbook, notice)]
    follows = (replace(one, follows=True) for one in _addressed(called, notice, settings))
    calls = event in _CALLS and incident.state is State.ESCALATED
    return (
        *_addressed(chosen, notice, settings, calls=calls),
        *follows,
        *_closing(stand_ins, {*chosen, *called}, notice, settings),
    )


def escalation_letters(
    context: Context, incident: Incident, text: str, level: int
) -> tuple[Letter, ...]:
    """The letters of one step of the escalation, whoever the playbook tells otherwise."""
    settings = context.settings()
    notice = _notice(context, incident, "escalated", text, f"{CALL[1:]}{level}")
    call = policy_of(context, incident).call(level)
    return () if call is None else _addressed(call[1], notice, settings, calls=True)


def news(context: Context, notice: Notice) -> tuple[Letter, ...]:
    """The letters of what belongs to no incident, to every channel that asks for it."""
    settings = context.settings()
    chosen = [name for name in settings.channels if wants(settings, name, "", notice)]
    return _addressed(chosen, notice, settings)


def called_once(told: Iterable[Letter], incident: Incident, key: str) -> tuple[Letter, ...]:
    """The same letters; but those who are only called, and not told of everything, are called once by this key."""
    said = incident.plan.get("notify")
    if not isinstance(said, (list, tuple)):
        return tuple(told)
    return tuple(
        letter
        if letter.channel in said
        else replace(letter, dedup=key, body={**letter.body, "dedup_key": key})
        for letter in told
    )


def policy_of(context: Context, incident: Incident, event: str = "") -> Policy:
    """Whom to call when; only channels that exist now, and of a rotation whose turn it is."""
    settings = context.settings()
    found = settings.escalation.get(policy_name(incident.plan, _severity(incident, event)) or "")
    if found is None:
        return _NOBODY
    steps = ((step.after, _channels(context, step.notify)) for step in found.steps)
    return Policy(tuple(steps), found.repeat)


def _channels(context: Context, names: Iterable[str]) -> tuple[str, ...]:
    """The channels behind these names, each once."""
    settings, now = context.settings(), context.now()
    turns = settings.rotations
    behind = (
        one
        for name in names
        for one in (context.oncall.called(name, turns[name], now) if name in turns else (name,))
    )
    return tuple(name for name in dict.fromkeys(behind) if name in settings.channels)


def _addressed(
    names: Iterable[str], notice: Notice, settings: ReceiverSettings, *, calls: bool = False
) -> tuple[Letter, ...]:
    body = body_of(notice)
    event, many = notice.event, notice.event in MANY
    return tuple(
        Letter(
            name,
            event,
            body,
            notice.dedup_key,
            above=settings.channels[name].digest_above if many else None,
            until=_held(settings.channels[name], notice),
            calls=calls,
        )
        for name in names
    )


def body_of(notice: Notice) -> dict[str, object]:
    """As `notice_of` reads it; without `thread` and `picture`, which are known when it is sent."""
    body = {name: getattr(notice, name) for name in _FIELDS}
    return body if notice.question is None else {**body, "question": asdict(notice.question)}


def _audience(context: Context, incident: Incident, event: str) -> tuple[str, ...]:
    said = incident.plan.get("notify")
    names = list(said) if isinstance(said, (list, tuple)) else list(context.settings().channels)
    if event in {"escalated", "frozen"}:
        steps = policy_of(context, incident, event).steps
        names += [name for after, step in steps if after == 0 for name in step]
    return _channels(context, names)


def _called(
    settings: ReceiverSettings, incident: Incident, audience: Iterable[str]
) -> tuple[str, ...]:
    """Who may have been called about it without being told of everything: they hear that it is taken, and its end."""
    policy = settings.escalation.get(policy_name(incident.plan, incident.severity) or "")
    said = incident.plan.get("notify")
    names = list(said) if isinstance(said, (list, tuple)) else []
    names += [name for step in (policy.steps if policy else ()) for name in step.notify]
    turns = settings.rotations
    all_ = (one for name in names for one in (turns[name].members if name in turns else (name,)))
    told = set(audience)
    return tuple(n for n in dict.fromkeys(all_) if n not in told and n in settings.channels)


def _closing(
    stand_ins: Mapping[str, str], told: set[str], notice: Notice, settings: ReceiverSettings
) -> tuple[Letter, ...]:
    """For who was told of it in another's stead, and would not hear that it is over."""
    names = [name for name in stand_ins if name not in told]
    return tuple(
        replace(
            one, body={**one.body, INSTEAD_OF: stand_ins[one.channel]}, until=None, stood_in=True
        )
        for one in _addressed(names, notice, settings)
    )


def _stand_ins(settings: ReceiverSettings) -> Mapping[str, str]:
    """The channels that stand in for others, each with one of those."""
    return {
        one.fallback: name
        for name, one in settings.channels.items()
        if one.fallback is not None and one.fallback in settings.channels
    }


def _held(channel: Channel, notice: Notice) -> float | None:
    """Until when it waits because it is quiet there."""
    if channel.quiet is None or notice.severity == "critical":
        return None
    return channel.quiet.until(notice.at)


def _goes_without_saying(incident: Incident, event: str) -> bool:
    """What is done at its time is told of when it fails or finds something, and else of nothing but its end by hand."""
    if not incident.scheduled:
        return False
    by_hand = event == "resolved" and incident.reason is Reason.OPERATOR
    return event in _OF_NO_NEWS and not by_hand


def wants(settings: ReceiverSettings, name: str, playbook: str, notice: Notice) -> bool:
    """Whether the channel asks for this."""
    channel = settings.channels[name]
    return (
        (channel.events is None or notice.event in channel.events)
        and (channel.playbooks is None or playbook in channel.playbooks)
        and highest(channel.min_severity, notice.severity) == notice.severity
        and _is_there(channel, environment_of(settings, notice.labels))
        and matches_all(channel.matchers, notice.labels)
    )


def environment_of(settings: ReceiverSettings, labels: Mapping[str, str]) -> str | None:
    """Where it happens: as the alert says, or where this receiver is."""
    return labels.get("environment") or settings.environment


def _is_there(channel: Channel, environment: str | None) -> bool:
    """A channel of one environment is not told of another; where nobody says which it is, it is that of the channel."""
    return channel.environment is None or environment in (None, channel.environment)


def _notice(context: Context, incident: Incident, event: str, text: str, about: str) -> Notice:
    word = event if incident.unprompted else _TITLES.get(event, event)
    # what was told of an earlier stretch of the same incident is told again
    again = f"-again{incident.progress.returns}" if incident.progress.returns else ""
    suffix = f"-{about}" if about else ""
    return Notice(
        event=event,
        incident=incident.id,
        episode=incident.episode,
        step=incident.step,
        severity=_severity(incident, event),
        title=f"[{word}] {incident.title}",
        text=text,
        at=context.now(),
        dedup_key=f"prunella-{context.journal.name}-{incident.id}-{event}{again}{suffix}",
        links=_links(context, incident),
        labels=incident.labels,
        question=question_of(incident, context),
        ended=incident.state in CLOSED,
    )


def _severity(incident: Incident, event: str) -> str:
    """What is frozen is everything in its scope, and not only the alert that happened to be the one too many."""
    return "critical" if event in _OF_A_SCOPE else incident.severity


def _links(context: Context, incident: Incident) -> dict[str, str]:
    settings, annotations = context.settings(), incident.annotations
    base = settings.server.public_url
    runbook = runbook_link(incident.labels, annotations, settings.runbooks, base)
    dashboard = annotations.get("dashboard_url", "")
    links = {"Runbook": runbook} if runbook is not None else {}
    return {**links, DASHBOARD: dashboard} if dashboard.startswith(_WEB) else links
