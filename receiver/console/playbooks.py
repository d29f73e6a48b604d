"""Playbooks: how far each may go, what its rungs have shown, what it was refused, and the form that lets it go further."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from aiohttp import web

from prunella.service.answers import Refused
from receiver.console.forms import FORM
from receiver.console.frame import render
from receiver.console.notes import see_what_came_of, what_was_said
from receiver.console.page import VISITOR, Hall, Link, Say, Show
from receiver.decide.facts import span
from receiver.decide.plan import LADDER_OF_MODES, Mode
from receiver.decide.track_record import BookRecord
from receiver.decide.trust import WHOLE, Grant, NotGranted, in_words
from receiver.stages.context import Context
from receiver.stages.trust import Unknown, Wish, demote, promote, track_record, track_records

LAST = 20
REASON_MOST = 500
_NAME = "{name:[A-Za-z0-9_.-]{1,64}}"
_SAID = {"promote": "Promoted.", "demote": "Demoted."}


class Playbooks:
    """The pages under /playbooks, and the two words."""

    link: ClassVar[Link | None] = Link("Playbooks", "/playbooks")

    def __init__(self, hall: Hall) -> None:
        self._context, self._wake = hall.context, hall.wake

    def doors(self) -> tuple[Show | Say, ...]:
        """The list, each, and where its forms lead."""
        return (
            Show("/playbooks", self.list),
            Show(f"/playbooks/{_NAME}", self.show),
            Say(f"/playbooks/{_NAME}/promote", self.promote),
            Say(f"/playbooks/{_NAME}/demote", self.demote),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Every playbook with its rungs."""
        records = await track_records(self._context)
        ceiling = self._context.settings().mode
        return render(request, "playbooks.html", records=records, ceiling=ceiling, spared=spared)

    async def show(self, request: web.Request) -> web.Response:
        """One, with all that is known of it."""
        context, name = self._context, request.match_info["name"]
        record = await self._record(name)
        since = context.now() - context.settings().trust.window
        return render(
            request,
            "playbook.html",
            record=record,
            ceiling=context.settings().mode,
            rule=context.settings().trust,
            runs=await context.journal.past_runs(name, LAST),
            withheld=await context.journal.withheld(name, since, LAST),
            further=_next(record.mode, 1),
            less=_next(record.mode, -1),
            next_of=_next,
            span=span,
            spared=spared,
            said=_said(what_was_said(request, context.now()), record),
        )

    async def promote(self, request: web.Request) -> web.Response:
        """One step further."""
        return await self._change(request, "promote", promote)

    async def demote(self, request: web.Request) -> web.Response:
        """One step less far."""
        return await self._change(request, "demote", demote)

    async def _change(
        self,
        request: web.Request,
        word: str,
        change: Callable[[Wish, Context], Awaitable[Grant]],
    ) -> web.Response:
        form, name = request[FORM], request.match_info["name"]
        reason, to = form.get("reason", "").strip(), form.get("to", "")
        if len(reason) > REASON_MOST or to not in frozenset(Mode):
            text = f"`to` must be a mode, and the reason may have {REASON_MOST} characters"
            raise Refused(422, "wrong_shape", text)
        by = request[VISITOR].name or "operator"
        wish = Wish(name, form.get("rung", WHOLE), Mode(to), by, reason)
        try:
            await change(wish, self._context)
        except Unknown as unknown:
            raise Refused(404, "not_found", str(unknown)) from unknown
        except NotGranted as no:
            raise Refused(409, "not_granted", f"Nothing was changed: {no}") from no
        self._wake()
        return see_what_came_of(request, f"/playbooks/{name}", word, self._context.now())

    async def _record(self, name: str) -> BookRecord:
        try:
            return await track_record(self._context, name)
        except Unknown as unknown:
            raise Refused(404, "not_found", str(unknown)) from unknown


def _said(word: str, record: BookRecord) -> str:
    """What has come of a form: which rung may do what now."""
    modes = {rung.rung.name: rung.mode for rung in record.rungs}
    return f"{_SAID[word]} {in_words(modes)}." if word else ""


def spared(seconds: float | None) -> str:
    """Time, or that humans are quicker."""
    if seconds is None:
        return "unknown"
    return span(seconds) if seconds >= 0 else f"{span(-seconds)} lost (humans are quicker)"


def _next(mode: Mode, steps: int) -> Mode | None:
    place = LADDER_OF_MODES.index(mode) + steps
    return LADDER_OF_MODES[place] if 0 <= place < len(LADDER_OF_MODES) else None
