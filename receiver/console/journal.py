"""The journal: the audit backwards, a page at a time, and how far its chain was followed lately."""

from __future__ import annotations

import json
from typing import ClassVar

from aiohttp import web

from receiver.console.frame import render
from receiver.console.page import Hall, Link, Show
from receiver.decide.moments import words_of
from receiver.journal.history import AuditRow
from receiver.stages.chain import last_walk
from receiver.web.paging import before_of

PAGE = 100
WORDS_MOST = 300


class JournalPage:
    """The page /journal."""

    link: ClassVar[Link | None] = Link("Journal", "/journal")

    def __init__(self, hall: Hall) -> None:
        self._context = hall.context

    def doors(self) -> tuple[Show, ...]:
        """The one page."""
        return (Show("/journal", self.show),)

    async def show(self, request: web.Request) -> web.Response:
        """The newest rows, or those before one."""
        before = before_of(request.query)
        journal = self._context.journal
        rows = await journal.audit(before, PAGE + 1)
        shown = rows[:PAGE]
        return render(
            request,
            "journal.html",
            rows=[(row, _words(row)) for row in shown],
            older=shown[-1].seq if len(rows) > PAGE else None,
            newest=before is None,
            walk=await last_walk(self._context),
            highest=await journal.latest(),
        )


def _words(row: AuditRow) -> str:
    return words_of({"ev": row.ev, **json.loads(row.data)})[:WORDS_MOST]
