"""Telling people: letters are written with the change they tell of, and sent later, in order, until taken."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import asdict, fields, replace

from prunella.logs import create_logger
from receiver import metrics
from receiver.channels.base import MANY, THREAD_MOST, Channel, ChannelError, Notice, Question
from receiver.decide.incident import CLOSED, Incident
from receiver.decide.matchers import matches_all
from receiver.decide.plan import RANK, highest
from receiver.decide.reason import Reason
from receiver.journal import Event, Letter, Posting
from receiver.journal.mail import DIGEST, Tally
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context

log = create_logger("prunella.receiver.notify")
RETRY_FIRST, RETRY_MOST = 1.0, 60.0
GIVE_UP_AFTER = 24 * 3600.0
_FIELDS = tuple(one.name for one in fields(Notice) if one.name not in {"question", "thread"})

_OF_NO_NEWS = frozenset({"opened", "blocked", "healed", "resolved"})
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
    question: Question | None = None,
) -> tuple[Letter, ...]:
    """One letter for each channel that wants to hear of this; `about` tells two events of one kind apart."""
    settings = context.settings()
    audience = _audience(settings, incident, event)
    if not audience or _goes_without_saying(incident, event):
        return ()
    notice = replace(_notice(context, incident, event, text, about), question=question)
    chosen = (name for name in audience if _wants(settings.channels[name], notice))
    return _addressed(chosen, notice, settings)


def escalation_letters(
    context: Context, incident: Incident, text: str, level: int
) -> tuple[Letter, ...]:
    """The letters of one step of the escalation, whoever the playbook tells otherwise."""
    settings = context.settings()
    notice = _notice(context, incident, "escalated", text, f"level-{level}")
    return _addressed(escalation_of(settings, incident)[level][1], notice, settings)


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


def escalation_of(
    settings: ReceiverSettings, incident: Incident
) -> tuple[tuple[float, tuple[str, ...]], ...]:
    """Seconds after which to call whom; only channels that exist now."""
    steps = settings.escalation.get(str(incident.plan.get("escalate") or ""))
    if not steps:
        return ()
    return tuple(
        (step.after, tuple(name for name in step.notify if name in settings.channels))
        for step in steps
    )


def _addressed(
    names: Iterable[str], notice: Notice, settings: ReceiverSettings
) -> tuple[Letter, ...]:
    body = _body(notice)
    event, many = notice.event, notice.event in MANY
    return tuple(
        Letter(
            name,
            event,
            body,
            notice.dedup_key,
            above=settings.channels[name].digest_above if many else None,
        )
        for name in names
    )


def _body(notice: Notice) -> dict[str, object]:
    """As `_notice_of` reads it; without `thread`, which is known when it is sent."""
    body = {name: getattr(notice, name) for name in _FIELDS}
    return body if notice.question is None else {**body, "question": asdict(notice.question)}


def _audience(settings: ReceiverSettings, incident: Incident, event: str) -> list[str]:
    said = incident.plan.get("notify")
    if not settings.channels:
        return []
    names = list(said) if isinstance(said, (list, tuple)) else list(settings.channels)
    if event in {"escalated", "frozen"}:
        names += [
            name for after, step in escalation_of(settings, incident) if after == 0 for name in step
        ]
    return [name for name in dict.fromkeys(names) if name in settings.channels]


def _goes_without_saying(incident: Incident, event: str) -> bool:
    """What is done at its time is told of when it fails or finds something, and else of nothing but its end by hand."""
    if not incident.scheduled:
        return False
    by_hand = event == "resolved" and incident.reason is Reason.OPERATOR
    return event in _OF_NO_NEWS and not by_hand


def _wants(channel: Channel, notice: Notice) -> bool:
    if channel.events is not None and notice.event not in channel.events:
        return False
    if highest(channel.min_severity, notice.severity) != notice.severity:
        return False
    return matches_all(channel.matchers, notice.labels)


def _notice(context: Context, incident: Incident, event: str, text: str, about: str) -> Notice:
    word = event if incident.unprompted else _TITLES.get(event, event)
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
        ended=incident.state in CLOSED,
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
        self._taken: dict[int, str] = {}  # with what the channel said
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
                said = await channel.send(_notice_of(posting), context.tools)
            except ChannelError as error:
                await self._failed(posting, error)
                return
            metrics.NOTIFICATIONS.labels(self._name, "ok").inc()
            self._taken[posting.id] = self._thread(posting, said)
        thread = self._taken[posting.id]
        await context.journal.posted(posting, _notified(posting), context.now(), thread)
        del self._taken[posting.id]

    def _thread(self, posting: Posting, said: str | None) -> str:
        """What is kept of a channel's word. A digest is of many incidents and goes on with none."""
        if not said or posting.letter.event == DIGEST:
            return ""
        if len(said) > THREAD_MOST:
            log.error("a channel said more than can be kept", channel=self._name, size=len(said))
            return ""
        return said

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


def _notified(posting: Posting) -> Event:
    letter = posting.letter
    data = {"channel": letter.channel, "event": letter.event, "dedup": letter.dedup}
    if letter.event != DIGEST:
        return Event("notified", {"incident": posting.incident, **data})
    tally = Tally.of(letter.body)
    counted = {"letters": tally.letters, "events": tally.events}
    span = {"first": tally.first, "last": tally.last}
    return Event("notified", {"incident": None, **data, **counted, **span})


def digest_of(posting: Posting) -> Notice:
    """What many letters come to: how many of which kind, and the gravest few."""
    tally = Tally.of(posting.letter.body)
    counts = ", ".join(f"{count} {event}" for event, count in tally.events.items())
    gravest = "\n".join(f"{severity}: {title}" for severity, title in tally.gravest)
    return Notice(
        event=DIGEST,
        incident=0,
        episode="",
        step="",
        severity=max(tally.severities, key=RANK.index, default="info"),
        title=f"[digest] {tally.letters} messages: {counts}",
        text=f"Too many to be sent one by one; all are in the journal. The gravest:\n{gravest}",
        at=posting.created,
        dedup_key=posting.letter.dedup,
    )


def _notice_of(posting: Posting) -> Notice:
    if posting.letter.event == DIGEST:
        return digest_of(posting)
    body = dict(posting.letter.body)
    asked = body.pop("question", None)
    question = Question(**asked) if isinstance(asked, dict) else None
    return Notice(**body, question=question, thread=posting.thread)  # type: ignore[arg-type]  # written by `_body`
