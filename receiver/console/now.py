"""The first page: what is wrong, what waits for a word of yours, what holds repairs back, how the services are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from prunella.service.answers import Refused
from receiver.channels.base import Question
from receiver.console.forms import FORM
from receiver.console.frame import render
from receiver.console.incident import Button, buttons_of
from receiver.console.notes import see_what_came_of, what_was_said
from receiver.console.page import VISITOR, Hall, Link, Say, Show
from receiver.console.services import PARTS, Services
from receiver.decide.facts import facts_of
from receiver.decide.incident import Incident, State
from receiver.decide.maintenance import open_ones
from receiver.decide.plan import Mode
from receiver.stages.question import question_of
from receiver.stages.releases import watched_in
from receiver.stages.telling import story_of

MOST = 50  # incidents
REASON_MOST = 500
_SAID = {"pause": "Paused. No repair begins until somebody resumes.", "resume": "Resumed."}


@dataclass(frozen=True, slots=True)
class Card:
    """One open incident in a few lines."""

    incident: Incident
    facts: Mapping[str, str]
    question: Question | None
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """A release that is looked at; `finding` is the last."""

    release: int
    target: str
    version: str
    deployed_at: float
    phase: int | None
    finding: str


class Now:
    """The page / and the pause switch."""

    link: ClassVar[Link | None] = Link("Now", "/")

    def __init__(self, hall: Hall) -> None:
        self._context, self._wake = hall.context, hall.wake
        self._services = Services(hall.context)

    def doors(self) -> tuple[Show | Say, ...]:
        """The page, and both ways of its switch."""
        return Show("/", self.show), Say("/pause", self.pause), Say("/resume", self.resume)

    async def show(self, request: web.Request) -> web.Response:
        """Everything of this moment."""
        journal, now, settings = (
            self._context.journal,
            self._context.now(),
            self._context.settings(),
        )
        cards = [self._card(request, one) for one in await journal.open_incidents(MOST)]
        counts = await journal.counts()
        paused = await journal.paused()
        return render(
            request,
            "now.html",
            cards=sorted(cards, key=lambda card: card.question is None),
            total=sum(counts.values()),
            waiting=counts.get(State.AWAITING_APPROVAL, 0),
            blocked=counts.get(State.BLOCKED, 0),
            now=now,
            mode=settings.mode,
            shadow=settings.mode is Mode.SHADOW,
            paused=paused,
            stopped=self._context.stopped(),
            frozen=await journal.frozen(),
            windows=open_ones(await journal.windows(now), now),
            parts_shown=PARTS,
            known=await self._services.look(),
            watched=await self._watched(),
            said=_said(what_was_said(request, now), paused=paused is not None),
        )

    async def pause(self, request: web.Request) -> web.Response:
        """No action begins any more; watching and telling go on."""
        reason = request[FORM].get("reason", "").strip()
        if len(reason) > REASON_MOST:
            text = f"the reason may have {REASON_MOST} characters"
            raise Refused(422, "wrong_shape", text)
        by, now = request[VISITOR].name or "operator", self._context.now()
        await self._context.journal.pause(by, reason, now)
        return see_what_came_of(request, "/", "pause", now)

    async def resume(self, request: web.Request) -> web.Response:
        """Actions may begin again."""
        now = self._context.now()
        await self._context.journal.resume(request[VISITOR].name or "operator", now)
        self._wake()
        return see_what_came_of(request, "/", "resume", now)

    def _card(self, request: web.Request, incident: Incident) -> Card:
        facts = facts_of(story_of(incident, (), (), self._context))
        question = question_of(incident, self._context)
        # a question says by itself what is next and who is asked
        wanted = ("Since",) if question is not None else ("Since", "Next", "Asked")
        return Card(
            incident,
            {name: facts[name] for name in wanted if name in facts},
            question,
            buttons_of(incident, self._context) if request[VISITOR].operates else (),
        )

    async def _watched(self) -> list[Watched]:
        watch, now = self._context.settings().launch_watch, self._context.now()
        return [
            Watched(
                release=one.release.id,
                target=one.release.target,
                version=one.release.version,
                deployed_at=one.release.deployed_at,
                phase=watched_in(one.release, watch, now),
                finding=str(one.last.finding) if one.last is not None else "not looked at yet",
            )
            for one in await self._context.journal.watches()
        ]


def _said(word: str, *, paused: bool) -> str:
    """What became of the switch; nothing if somebody else was there since."""
    return _SAID.get(word, "") if paused == (word == "pause") else ""
