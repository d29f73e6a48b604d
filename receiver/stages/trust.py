"""Trust, kept and changed: what playbooks have shown is looked at again and again, a rung that does not help has to ask
from then on, and operators let playbooks go further, or less far.

The grants are read where the permission to act is written, so that what was taken holds for the very next action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prunella.logs import create_logger
from prunella.metrics import Gauge
from prunella.service.units import format_duration
from receiver import metrics
from receiver.channels.base import Notice
from receiver.decide.plan import LADDER_OF_MODES, Mode, Playbook
from receiver.decide.reason import Reason
from receiver.decide.track_record import BookRecord, Evidence, RungRecord, records
from receiver.decide.trust import (
    OURSELVES,
    WHOLE,
    Grant,
    NotGranted,
    Tally,
    Word,
    demoted,
    in_words,
    mode_of,
    modes_now,
    named,
    promoted,
    stance,
    stance_today,
    with_grant,
)
from receiver.journal.trust import Regrant
from receiver.stages.context import Context, playbook_of
from receiver.stages.gauges import Shifting
from receiver.stages.notify import news

log = create_logger("prunella.receiver.trust")
EVENT = "trust"
EVERY = 15.0
MANY = 10_000  # open incidents that are looked through for one that climbs what the config knows no more
WENT = ("helped", "returned", "in_vain", "failed", "unseen")


class Unknown(LookupError):
    """The config has no such playbook, or it no such rung; nor, for a demotion, has an open incident."""


async def track_records(context: Context) -> tuple[BookRecord, ...]:
    """Of every playbook, all that is known."""
    settings, journal = context.settings(), context.journal
    since = context.now() - settings.trust.window
    seen = await _judged(context)
    whole = Evidence(
        seen.tallies,
        seen.fresh,
        await journal.refusals(since),
        await journal.human_times(since),
    )
    grants = await journal.grants()
    return records(settings.playbooks, settings.mode, grants, whole, settings.trust)


async def track_record(context: Context, playbook: str) -> BookRecord:
    """Of one. Raises Unknown."""
    found = (one for one in await track_records(context) if one.book.name == playbook)
    record = next(found, None)
    if record is None:
        raise Unknown(_none_such(playbook, context))
    return record


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for: `step` is a rung's name or WHOLE, `to` the mode that they expect."""

    playbook: str
    step: str
    to: Mode | None
    by: str
    why: str = ""


async def promote(wish: Wish, context: Context) -> Grant:
    """One step further. Raises Unknown, NotGranted, JournalUnavailable."""
    return await _change(wish, context, further=True)


async def demote(wish: Wish, context: Context) -> Grant:
    """Less far. Raises Unknown, NotGranted, JournalUnavailable."""
    return await _change(wish, context, further=False)


async def in_force(playbook: str, context: Context) -> dict[str, Mode]:
    """How far each rung of it may go; nothing if the config knows it no more."""
    book = _book(playbook, context)
    if book is None:
        return {}
    return modes_now(context.settings().mode, book, await context.journal.grants(playbook))


async def _change(wish: Wish, context: Context, *, further: bool) -> Grant:
    settings, now = context.settings(), context.now()
    unknown = _unknown(wish, context)
    if unknown is not None and (further or not await _is_climbed(wish, context)):
        raise unknown
    asked = stance_today(settings.mode, settings.playbooks, wish.playbook, wish.step)
    decide = promoted if further else demoted

    def weighing(grants: tuple[Grant, ...]) -> Regrant:
        grant = decide(asked, grants, wish.to, Word(wish.by, wish.why, now))
        return _regrant(context, grant, grants, mode_of(asked, grants), {})

    grant = await context.journal.regrant(wish.playbook, weighing, now)
    if grant is None:  # somebody always decides
        raise NotGranted(f"nothing was changed of {wish.playbook}")
    log.info(
        "trust was changed",
        playbook=grant.playbook,
        rung=grant.step,
        mode=str(grant.mode),
        by=grant.by,
    )
    return grant


class TrustKeeper:
    """Demotes what does not help, and shows how far everything may go."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._gauges = Shifting((metrics.PLAYBOOK_MODE, metrics.RUNG_RUNS))
        self._looked: float | None = None

    async def once(self) -> None:
        """When it is time again."""
        now = self._context.tools.clock.monotonic()
        if self._looked is None or now - self._looked >= EVERY:
            self._looked = now
            await self.look()

    async def look(self) -> None:
        """Now."""
        context, settings = self._context, self._context.settings()
        grants, seen = await context.journal.grants(), await _judged(context)
        found = records(settings.playbooks, settings.mode, grants, seen, settings.trust)
        fresh = {(one.playbook, one.step): one for one in seen.fresh}
        for record in found:
            for rung in record.rungs:
                if rung.mode is Mode.AUTO and not rung.trusted:
                    await self._demote(record.book, rung, fresh[record.book.name, rung.rung.name])
        self._gauges.show(_series(found))

    async def _demote(self, book: Playbook, rung: RungRecord, seen: Tally) -> None:
        context, now = self._context, self._context.now()
        asked = stance(context.settings().mode, book, rung.rung)
        window = format_duration(context.settings().trust.window)
        why = f"{seen.helped} of {seen.judged} runs helped within {window}"

        def weighing(grants: tuple[Grant, ...]) -> Regrant | None:
            if mode_of(asked, grants) is not Mode.AUTO:  # another receiver was quicker
                return None
            grant = demoted(asked, grants, Mode.APPROVE, Word(OURSELVES, why, now))
            reason = {"reason": str(Reason.NOT_HELPING), "judged": seen.judged}
            return _regrant(context, grant, grants, Mode.AUTO, {**reason, "helped": seen.helped})

        if await context.journal.regrant(book.name, weighing, now) is None:
            return
        metrics.DEMOTIONS.labels(book.name, rung.rung.name).inc()
        log.warning(
            "a rung does not help and has to ask from now on",
            playbook=book.name,
            rung=rung.rung.name,
            why=why,
        )


async def _judged(context: Context) -> Evidence:
    rule, journal = context.settings().trust, context.journal
    since = context.now() - rule.window
    return Evidence(
        await journal.tallies(since, rule.recurrence),
        await journal.tallies(since, rule.recurrence, fresh=True),
    )


def _book(playbook: str, context: Context) -> Playbook | None:
    return named(context.settings().playbooks, playbook)


def _unknown(wish: Wish, context: Context) -> Unknown | None:
    """What the config does not know of it."""
    book = _book(wish.playbook, context)
    if book is None:
        return Unknown(_none_such(wish.playbook, context))
    if _has(book, wish.step):
        return None
    names = ", ".join(one.name for one in book.ladder)
    return Unknown(f"{book.name} has no rung {wish.step!r}; known: {names}")


async def _is_climbed(wish: Wish, context: Context) -> bool:
    """Whether an open incident has it in its plan, which is as the config was once."""
    return any(
        one.playbook == wish.playbook and not one.unprompted and _has(playbook_of(one), wish.step)
        for one in await context.journal.open_incidents(MANY)
    )


def _has(book: Playbook, step: str) -> bool:
    return step == WHOLE or any(one.name == step for one in book.ladder)


def _none_such(playbook: str, context: Context) -> str:
    names = ", ".join(one.name for one in context.settings().playbooks) or "none"
    return f"there is no playbook {playbook!r}; known: {names}"


def _regrant(
    context: Context,
    grant: Grant,
    before: tuple[Grant, ...],
    was: Mode,
    evidence: Mapping[str, object],
) -> Regrant:
    """The grant, its audit row, and who is told: a demotion of ours asks somebody to look, the rest is news."""
    up = LADDER_OF_MODES.index(grant.mode) > LADDER_OF_MODES.index(was)
    word = "promoted" if up else "demoted"
    row = {
        "playbook": grant.playbook,
        "step": grant.step,
        "mode": str(grant.mode),
        "was": str(was),
        "by": grant.by,
        "why": grant.why,
        **evidence,
    }
    notice = _notice(context, grant, was, word, with_grant(before, grant))
    return Regrant(grant, (word, row), news(context, notice))


def _rungs(context: Context, playbook: str, after: tuple[Grant, ...]) -> str:
    """A playbook is not one mode: which of its rungs may do what now."""
    book = _book(playbook, context)
    if book is None:
        return ""
    return f" Now {in_words(modes_now(context.settings().mode, book, after))}."


def _notice(
    context: Context, grant: Grant, was: Mode, word: str, after: tuple[Grant, ...]
) -> Notice:
    what = grant.playbook if grant.step == WHOLE else f"{grant.playbook}, rung {grant.step}"
    ours = grant.by == OURSELVES
    base, rung = context.settings().server.public_url, f" --rung {grant.step}" if grant.step else ""
    because = f": {grant.why}" if grant.why else ""
    again = f"\nOnce it is mended: prunella playbooks promote {grant.playbook}{rung}"
    rungs = _rungs(context, grant.playbook, after)
    text = f"{what} is {grant.mode} now, and was {was} (by {grant.by}{because}).{rungs}"
    return Notice(
        event=EVENT,
        incident=0,
        episode="",
        step=grant.step,
        severity="warning" if ours else "info",
        title=f"[{word}] {what}: {was} → {grant.mode}",
        text=text + (again if ours else ""),
        at=grant.at,
        dedup_key=f"prunella-{context.journal.name}-trust-{grant.playbook}-{grant.step}-{grant.at:.3f}",
        links={"Playbook": f"{base}/playbooks/{grant.playbook}"} if base else {},
        labels={"playbook": grant.playbook},
    )


def _series(found: tuple[BookRecord, ...]) -> dict[Gauge, dict[tuple[str, ...], float]]:
    modes: dict[tuple[str, ...], float] = {}
    runs: dict[tuple[str, ...], float] = {}
    for record in found:
        for rung in record.rungs:
            labels = record.book.name, rung.rung.name
            modes[labels] = float(LADDER_OF_MODES.index(rung.mode))
            runs.update({(*labels, word): float(getattr(rung.tally, word)) for word in WENT})
    return {metrics.PLAYBOOK_MODE: modes, metrics.RUNG_RUNS: runs}
