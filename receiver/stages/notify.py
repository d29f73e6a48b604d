"""Telling people: letters are written with the change they tell of, and sent later, in order, until taken."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict

from prunella.logs import create_logger
from receiver import metrics
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.decide.incident import Incident
from receiver.decide.matchers import matches_all
from receiver.decide.plan import highest
from receiver.journal import Event, Letter, Posting
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context

log = create_logger("prunella.receiver.notify")
RETRY_FIRST, RETRY_MOST = 1.0, 60.0
GIVE_UP_AFTER = 24 * 3600.0

_TITLES = {
    "opened": "firing",
    "acted": "acted on",
    "approval_requested": "approval needed",
}


def letters(
    context: Context, incident: Incident, event: str, text: str, *, about: str = ""
) -> tuple[Letter, ...]:
    """One letter for each channel that wants to hear of this; `about` tells two events of one kind apart."""
    settings = context.settings()
    audience = _audience(settings, incident, event)
    if not audience:
        return ()
    notice = _notice(context, incident, event, text, about)
    body = {**asdict(notice), "links": dict(notice.links), "labels": dict(notice.labels)}
    return tuple(
        Letter(name, event, body, notice.dedup_key)
        for name in audience
        if _wants(settings.channels[name], notice)
    )


def escalation_letters(
    context: Context, incident: Incident, text: str, level: int
) -> tuple[Letter, ...]:
    """The letters of one step of the escalation, whoever the playbook tells otherwise."""
    settings = context.settings()
    notice = _notice(context, incident, "escalated", text, f"level-{level}")
    body = {**asdict(notice), "links": dict(notice.links), "labels": dict(notice.labels)}
    names = escalation_of(settings, incident)[level][1]
    return tuple(Letter(name, "escalated", body, notice.dedup_key) for name in names)


def escalation_of(
    settings: ReceiverSettings, incident: Incident
) -> tuple[tuple[float, tuple[str, ...]], ...]:
    """Seconds after which to call whom; only channels that exist now."""
    steps = settings.escalation.get(str(incident.plan.get("escalate") or ""), ())
    return tuple(
        (step.after, tuple(name for name in step.notify if name in settings.channels))
        for step in steps
    )


def _audience(settings: ReceiverSettings, incident: Incident, event: str) -> list[str]:
    said = incident.plan.get("notify")
    names = list(said) if isinstance(said, (list, tuple)) else list(settings.channels)
    if event in {"escalated", "frozen"}:
        names += [
            name for after, step in escalation_of(settings, incident) if after == 0 for name in step
        ]
    return [name for name in dict.fromkeys(names) if name in settings.channels]


def _wants(channel: Channel, notice: Notice) -> bool:
    if channel.events is not None and notice.event not in channel.events:
        return False
    if highest(channel.min_severity, notice.severity) != notice.severity:
        return False
    return matches_all(channel.matchers, notice.labels)


def _notice(context: Context, incident: Incident, event: str, text: str, about: str) -> Notice:
    word = event if incident.manual else _TITLES.get(event, event)
    # what was told of an earlier stretch of the same incident is told again
    again = f"-again{incident.progress.returns}" if incident.progress.returns else ""
    links = {
        caption: incident.annotations[key]
        for caption, key in (("Runbook", "runbook_url"), ("Dashboard", "dashboard_url"))
        if incident.annotations.get(key, "").startswith(("http://", "https://"))
    }
    suffix = f"-{about}" if about else ""
    return Notice(
        event=event,
        incident=incident.id,
        episode=incident.episode,
        step=_step(incident),
        severity=incident.severity,
        title=f"[{word}] {incident.title}",
        text=text,
        at=context.now(),
        dedup_key=f"prunella-{context.journal.name}-{incident.id}-{event}{again}{suffix}",
        links=links,
        labels=incident.labels,
    )


def _step(incident: Incident) -> str:
    ladder = incident.plan.get("ladder")
    if not isinstance(ladder, list) or incident.rung >= len(ladder):
        return ""
    return str(ladder[incident.rung]["name"])


class Sender:
    """Delivers the letters of one channel. One task a channel, so that a hung one delays no other."""

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        self._name = name
        # what the journal could not take: without it, an outage of the journal would send everything every second
        self._taken: set[int] = set()
        self._not_before: dict[int, float] = {}

    async def deliver_due(self) -> int:
        """Sends what is due, one try each; returns how many letters it handled."""
        context = self._context
        channel = context.settings().channels.get(self._name)
        if channel is None:
            return 0
        now = context.now()
        due = await context.journal.postings(self._name, now, 50)
        mine = [posting for posting in due if self._not_before.get(posting.id, 0.0) <= now]
        for posting in mine:
            await self._send(channel, posting)
        return len(mine)

    async def _send(self, channel: Channel, posting: Posting) -> None:
        context = self._context
        if posting.id not in self._taken:
            try:
                await channel.send(_from_body(posting.letter.body), context.tools)
            except ChannelError as error:
                await self._failed(posting, error)
                return
            metrics.NOTIFICATIONS.labels(self._name, "ok").inc()
            self._taken.add(posting.id)
        data = {
            "incident": posting.incident,
            "channel": self._name,
            "event": posting.letter.event,
            "dedup": posting.letter.dedup,
        }
        await context.journal.posted(posting, Event("notified", data), context.now())
        self._taken.discard(posting.id)

    async def _failed(self, posting: Posting, error: ChannelError) -> None:
        context, now = self._context, self._context.now()
        if error.permanent or now - posting.created > GIVE_UP_AFTER:
            metrics.NOTIFICATIONS.labels(self._name, "permanent").inc()
            log.error("a message cannot be delivered", channel=self._name, error=str(error))
            await context.journal.bury(posting, str(error), now)
            return
        metrics.NOTIFICATIONS.labels(self._name, "retry").inc()
        wait = error.retry_after
        if wait is None:
            ceiling = min(RETRY_MOST, RETRY_FIRST * 2**posting.attempts)
            wait = random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret
        log.warning(
            "a message was not taken, it is sent again",
            channel=self._name,
            seconds=wait,
            error=str(error),
        )
        self._not_before[posting.id] = now + wait
        await context.journal.postpone(posting, now + wait, str(error))
        del self._not_before[posting.id]


def _from_body(body: Mapping[str, object]) -> Notice:
    return Notice(**dict(body))  # type: ignore[arg-type]  # written by `letters` from a Notice
