"""Every incident there was, by what is known of it: a form that is an address, so that a search can be sent to somebody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlencode

from aiohttp import web

from prunella.service.answers import Refused
from receiver.console.frame import render
from receiver.console.page import Hall, Link, Show
from receiver.decide.incident import State
from receiver.decide.plan import RANK
from receiver.journal.history import Search
from receiver.unknown import unknown
from receiver.web.paging import before_of

PAGE = 50
TEXT_MOST = 200
_DAY = 86400.0
FIELDS = ("state", "playbook", "target", "severity", "text", "since", "until", "waiting")


class IncidentHistory:
    """The page /incidents."""

    link: ClassVar[Link | None] = Link("Incidents", "/incidents")

    def __init__(self, hall: Hall) -> None:
        self._context = hall.context

    def doors(self) -> tuple[Show, ...]:
        """The one page."""
        return (Show("/incidents", self.show),)

    async def show(self, request: web.Request) -> web.Response:
        """A page of what is looked for, the newest first."""
        settings = self._context.settings()
        said = _said(request.query)
        found = await self._context.journal.search(_search(said, before_of(request.query)))
        shown = found[:PAGE]
        older = None
        if len(found) > PAGE:
            kept = {name: value for name, value in said.items() if value}
            older = f"/incidents?{urlencode({**kept, 'before': shown[-1].id})}"
        return render(
            request,
            "incidents.html",
            incidents=shown,
            older=older,
            said=said,
            narrowed=any(said.values()),
            narrowed_further=any(value for name, value in said.items() if name != "text"),
            states=tuple(State),
            severities=tuple(reversed(RANK)),
            playbooks=[book.name for book in settings.playbooks],
            targets=list(settings.targets),
        )


def _said(query: Mapping[str, str]) -> dict[str, str]:
    """What is looked for. Raises Refused for a name that means nothing here: all would be found, as if it did."""
    for name in query:
        if name not in {*FIELDS, "before"}:
            raise Refused(400, "bad_query", unknown("search term", name, FIELDS))
    return {name: query.get(name, "").strip()[:TEXT_MOST] for name in FIELDS}


def _search(said: dict[str, str], before: int | None) -> Search:
    """Raises Refused for what is no date or no yes."""
    if said["waiting"] not in {"", "yes"}:
        raise Refused(400, "bad_query", "`waiting` must be yes, or left out")
    until = _date(said["until"])
    return Search(
        state=said["state"] or None,
        playbook=said["playbook"] or None,
        target=said["target"] or None,
        severity=said["severity"] or None,
        text=said["text"] or None,
        since=_date(said["since"]),
        until=None if until is None else until + _DAY,  # that day, too
        before=before,
        waiting=bool(said["waiting"]),
        limit=PAGE + 1,
    )


def _date(text: str) -> float | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError as wrong:
        raise Refused(400, "bad_query", f"{text[:20]!r} is not a day like 2026-11-22") from wrong
