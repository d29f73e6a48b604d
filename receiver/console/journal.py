"""The journal: the audit backwards, a page at a time, and how far its chain was followed lately."""

from __future__ import annotations

import json
from typing import ClassVar

from aiohttp import web

from prunella.service.answers import Refused
from receiver.console.frame import render
from receiver.console.page import Hall, Link, Show
from receiver.decide.moments import words_of
from receiver.journal.history import AuditRow
from receiver.stages.chain import last_walk

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
        before = request.query.get("before", "")
        if before and not (before.isascii() and before.isdigit() and len(before) <= 18):
            raise Refused(400, "bad_query", "`before` must be a number")
        journal = self._context.journal
        rows = await journal.audit(int(before) if before else None, PAGE + 1)
        shown = rows[:PAGE]
        return render(
            request,
            "journal.html",
            rows=[(row, _words(row)) for row in shown],
            older=shown[-1].seq if len(rows) > PAGE else None,
            newest=not before,
            walk=await last_walk(self._context),
            highest=await journal.latest(),
        )


def _words(row: AuditRow) -> str:
    return words_of({"ev": row.ev, **json.loads(row.data)})[:WORDS_MOST]
