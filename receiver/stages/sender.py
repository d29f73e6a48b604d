"""Delivering letters: one channel at a time, in order for each incident, no faster than the service allows, until taken.

A letter is tried again after what may pass, with the same dedup key, so that an answer that was lost costs a second
message at most. What can never be delivered frees the way for the next, and goes to the channel's `fallback`.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace

from receiver import metrics
from receiver.channels.base import MANY, THREAD_MOST, Channel, ChannelError, Notice, Question
from receiver.decide.incident import CLOSED
from receiver.decide.maintenance import Window, covered_until
from receiver.decide.plan import RANK
from receiver.decide.rates import Spent
from receiver.journal import Event, Letter, Posting
from receiver.journal.mail import DIGEST, ESCALATED, INSTEAD_OF, OF_A_SCOPE, STOOD_IN, Tally
from receiver.stages.context import Context
from receiver.stages.notify import body_of, log
from receiver.stages.telling import Teller, in_their_words
from receiver.tools import Tools

RETRY_FIRST, RETRY_MOST = 1.0, 60.0
REST_MOST = 5.0  # of a channel after a failure, so that a service that is down is not asked for every letter
AT_ONCE = 50
LOOK_AGAIN = 60.0


class Sender:
    """Delivers the letters of one channel. One task a channel, so that a hung one delays no other."""

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        self._name = name
        # what the journal could not take: without it, an outage of the journal would send everything every second
        self._taken: dict[int, str] = {}  # with what the channel said
        self._not_before: dict[int, float] = {}
        # from when a letter is tried that had to wait for something else
        self._since: dict[int, float] = {}
        self._spent = Spent()
        self._rests_until = 0.0
        self._failures = 0  # in a row
        self._teller = Teller(context)
        kept = context.post
        self._tools = context.tools if kept is None else replace(context.tools, http=kept)

    async def deliver_due(self) -> int:
        """Sends what is due, one try each; returns how many letters it handled."""
        context, now = self._context, self._context.now()
        channel = context.settings().channels.get(self._name)
        if channel is None or (now < self._rests_until and channel.fallback is None):
            return 0
        room = self._spent.left(channel.allowed, now, AT_ONCE)
        due = await context.journal.postings(self._name, now, room) if room else ()
        mine = [posting for posting in due if self._not_before.get(posting.id, 0.0) <= now]
        if not mine:
            return 0
        self._teller = Teller(context)
        await self._teller.look_up({posting.incident for posting in mine})
        windows = await context.journal.windows(now)
        handled = 0
        for posting in mine:
            if self._rests_until > now and not self._late(channel, posting):
                continue
            handled += 1
            written_in = [one for one in windows if one.began <= posting.created]
            if not (written_in and await self._muted(posting, written_in)):
                await self._send(channel, posting)
        return handled

    async def _muted(self, posting: Posting, windows: Sequence[Window]) -> bool:
        """What was written in announced work is told to nobody while it lasts, nor at all when it ends with it."""
        context, now = self._context, self._context.now()
        incident = await context.journal.incident(posting.incident)
        if incident is None or posting.letter.event in OF_A_SCOPE or posting.id in self._taken:
            return False
        alerts = await context.journal.alerts(incident.id)
        labels = [one.labels for one in alerts if one.open] or [one.labels for one in alerts]
        if covered_until(windows, labels, now) is None:
            return False
        if incident.state not in CLOSED:
            self._since[posting.id] = now
            await context.journal.postpone(posting, now + LOOK_AGAIN, "maintenance")
            return True
        if await self._told(incident.id):
            return False
        await context.journal.posted(posting, _row("muted", posting), now)
        return True

    async def _told(self, incident: int) -> bool:
        """Whether this channel has heard of it: then it hears the end of it, too."""
        async for line in self._context.journal.export(incident):
            row = json.loads(line)
            if row["ev"] == "notified" and row["channel"] == self._name:
                return True
        return False

    def _late(self, channel: Channel, posting: Posting) -> bool:
        """Whether it is the fallback's turn, while the service asks for more time than a letter is tried for."""
        waits = self._rests_until - self._context.now() > REST_MOST
        return (
            waits
            and channel.fallback is not None
            and posting.id not in self._taken
            and self._age(posting) > channel.patience
        )

    def _age(self, posting: Posting) -> float:
        """For how long it has been tried."""
        began = max(self._since.get(posting.id, posting.created), _held_until(posting))
        return self._context.now() - began

    async def _send(self, channel: Channel, posting: Posting) -> None:
        context = self._context
        if self._rests_until > context.now() and self._late(channel, posting):
            asks = ChannelError("the service asks for more time than a message is tried for")
            await self._give_up(channel, posting, asks)
            return
        if posting.id not in self._taken:
            self._spent.spend(context.now())
            try:
                self._taken[posting.id] = await self._try(channel, posting)
            except ChannelError as error:
                await self._failed(channel, posting, error)
                return
            metrics.NOTIFICATIONS.labels(self._name, "ok").inc()
            self._failures = 0
        thread = self._taken[posting.id]
        await context.journal.posted(posting, _row("notified", posting), context.now(), thread)
        del self._taken[posting.id]
        self._since.pop(posting.id, None)

    async def _try(self, channel: Channel, posting: Posting) -> str:
        """What is kept of the channel's word. Raises ChannelError."""
        notice = await self._teller.complete(notice_of(posting), channel)
        if posting.letter.event != DIGEST:
            notice = in_their_words(self._context, self._name, channel, notice)
        said = await hand_over(channel, notice, self._tools)
        # after a digest or news comes one about something else
        if not said or posting.incident <= 0:
            return ""
        if len(said) > THREAD_MOST:
            log.error("a channel said more than can be kept", channel=self._name, size=len(said))
            return ""
        return said

    async def _failed(self, channel: Channel, posting: Posting, error: ChannelError) -> None:
        now = self._context.now()
        age = self._age(posting)
        if error.permanent or age > channel.patience:
            await self._give_up(channel, posting, error)
            return
        metrics.NOTIFICATIONS.labels(self._name, "unknown" if error.unknown else "retry").inc()
        wait = error.retry_after or _jittered(posting.attempts)
        self._rest(error, now)
        if channel.fallback is not None:
            wait = min(wait, max(1.0, channel.patience - age + 1))  # it is the other's turn then
        log.warning(
            "a message was not taken, it is sent again",
            channel=self._name,
            seconds=wait,
            error=str(error),
        )
        self._not_before[posting.id] = now + wait
        await self._context.journal.postpone(posting, now + wait, str(error))
        del self._not_before[posting.id]

    def _rest(self, error: ChannelError, now: float) -> None:
        """When the service asks for it, or when it did not take two in a row: then it is not about the letter."""
        self._failures += 1
        if error.retry_after is not None or self._failures > 1:
            rest = error.retry_after or min(REST_MOST, _jittered(self._failures))
            self._rests_until = now + rest

    async def _give_up(self, channel: Channel, posting: Posting, error: ChannelError) -> None:
        result = "permanent" if error.permanent else "gave_up"
        metrics.NOTIFICATIONS.labels(self._name, result).inc()
        log.error("a message cannot be delivered", channel=self._name, error=str(error))
        instead = self._instead(channel, posting)
        await self._context.journal.bury(posting, str(error), self._context.now(), instead)
        self._since.pop(posting.id, None)

    def _instead(self, channel: Channel, posting: Posting) -> tuple[Letter, ...]:
        """The same for the fallback, marked; what is one already goes nowhere else."""
        channels = self._context.settings().channels
        name = channel.fallback
        if name is None or name not in channels or posting.letter.body.get(INSTEAD_OF):
            return ()
        notice = notice_of(posting)
        dedup = f"{notice.dedup_key}{STOOD_IN}{self._name}"
        marked = replace(
            notice,
            title=f"{notice.title} (could not be delivered to {self._name})",
            dedup_key=dedup,
        )
        event = "opened" if notice.event == DIGEST else notice.event
        above = channels[name].digest_above if event in MANY else None
        body = {**body_of(marked), INSTEAD_OF: self._name}
        return (Letter(name, event, body, dedup, above=above, calls=event == ESCALATED),)


async def hand_over(channel: Channel, notice: Notice, tools: Tools) -> str | None:
    """What the channel says of it. Raises ChannelError, also for what no channel should do."""
    try:
        async with asyncio.timeout(4 * channel.timeout + 1):
            return await channel.send(notice, tools)
    except ChannelError:
        raise
    except TimeoutError as error:
        raise ChannelError("the channel came to no end", unknown=True) from error
    except Exception as error:
        # supervising: a fault in one channel must not hold up its other letters for ever
        log.exception("a channel failed", kind=type(channel).__name__)
        raise ChannelError(f"a fault of ours: {type(error).__name__}", unknown=True) from error


def _jittered(attempts: int) -> float:
    """Seconds to wait after so many failures before."""
    ceiling = min(RETRY_MOST, RETRY_FIRST * 2 ** min(attempts, 16))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret


def _held_until(posting: Posting) -> float:
    """When it was to be sent at the soonest; 0 for what was to be sent at once."""
    return (Tally.of(posting.letter.body).until or 0.0) if posting.letter.event == DIGEST else 0.0


def _row(ev: str, posting: Posting) -> Event:
    letter = posting.letter
    data = {"channel": letter.channel, "event": letter.event, "dedup": letter.dedup}
    if letter.event != DIGEST:
        # what is about a release has its number below zero, and what is about none has 0
        return Event(ev, {"incident": posting.incident if posting.incident > 0 else None, **data})
    tally = Tally.of(letter.body)
    counted = {"letters": tally.letters, "events": tally.events}
    span = {"first": tally.first, "last": tally.last}
    return Event(ev, {"incident": None, **data, **counted, **span})


def digest_of(posting: Posting) -> Notice:
    """What many letters come to: how many of which kind, and the gravest few. A page is an escalation like any other."""
    tally = Tally.of(posting.letter.body)
    gravest = "\n".join(f"{severity}: {title}" for severity, title in tally.gravest)
    mark = f" (could not be delivered to {tally.instead_of})" if tally.instead_of else ""
    return Notice(
        event=ESCALATED if tally.page else DIGEST,
        incident=0,
        episode="",
        step="",
        severity=max(tally.severities, key=RANK.index, default="info"),
        title=f"{_headline(tally)}{mark}",
        text=f"{_why(tally)} All are in the journal. The gravest:\n{gravest}",
        at=posting.created,
        dedup_key=posting.letter.dedup,
    )


def _headline(tally: Tally) -> str:
    counts = ", ".join(f"{count} {event}" for event, count in tally.events.items())
    if tally.page:
        return f"[escalated] {tally.letters} more need a human: {counts}"
    return f"[digest] {tally.letters} messages: {counts}"


def _why(tally: Tally) -> str:
    if tally.page:
        return "Too many to call for each; as long as it goes on, the next ones are told in a digest a minute."
    return "They came in quiet hours." if tally.until else "Too many to be sent one by one."


def notice_of(posting: Posting) -> Notice:
    """What a letter says, as the channel gets it."""
    if posting.letter.event == DIGEST:
        return digest_of(posting)
    body = dict(posting.letter.body)
    body.pop(INSTEAD_OF, None)
    asked = body.pop("question", None)
    question = Question(**asked) if isinstance(asked, dict) else None
    return Notice(**body, question=question, thread=posting.thread)  # type: ignore[arg-type]  # written by `body_of`
