"""The runbook of an alert as a page, for whoever is woken and follows the link in the message.

A runbook is Markdown that somebody wrote, perhaps not one of us: HTML in it is shown and never run, and links lead to
http(s) only. The operator's own folder is asked first, then what comes with Prunella.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import ClassVar

from aiohttp import web
from markdown_it import MarkdownIt
from markupsafe import Markup

from receiver.console.frame import render
from receiver.console.page import Hall, Link, Show
from receiver.outside.runbooks import folders, is_alert, runbook_file

LARGEST = 1 << 20


class Runbooks:
    """The pages under /runbooks."""

    link: ClassVar[Link | None] = Link("Runbooks", "/runbooks")

    def __init__(self, hall: Hall) -> None:
        self._context = hall.context

    def doors(self) -> tuple[Show, ...]:
        """The list, and each."""
        return Show("/runbooks", self.list), Show("/runbooks/{alert}", self.show)

    async def list(self, request: web.Request) -> web.Response:
        """Every alert that has one."""
        names = sorted({file.stem for folder in self._folders() for file in folder.glob("*.md")})
        known = [name for name in names if is_alert(name) and name != "README"]
        return render(request, "runbooks.html", names=known)

    async def show(self, request: web.Request) -> web.Response:
        """One; a name that nothing is written for says where it could be."""
        alert = request.match_info["alert"]
        text = self._text(alert)
        shown = None if text is None else Markup(rendered(text))  # noqa: S704 - Markdown without HTML, see `rendered`
        status = 404 if text is None else 200
        return render(request, "runbook.html", status=status, alert=alert[:200], text=shown)

    def _text(self, alert: str) -> str | None:
        found = runbook_file(alert, self._context.settings().runbooks)
        if found is None or found.stat().st_size > LARGEST:
            return None
        return found.read_text(encoding="utf-8", errors="replace")

    def _folders(self) -> tuple[Path, ...]:
        return folders(self._context.settings().runbooks)


def rendered(text: str) -> str:
    """Markdown as HTML that holds nothing but what Markdown can say."""
    html: str = _markdown().render(text)
    return html


@cache
def _markdown() -> MarkdownIt:
    # `html: False` escapes whatever tags stand in it; the parser itself refuses javascript:, vbscript:, file: and data:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.validateLink = _safe_link  # type: ignore[method-assign]  # how the library is told
    return parser


def _safe_link(url: str) -> bool:
    """A web address, a place on this page, or another page of ours."""
    scheme = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]*):", url)
    return scheme is None or scheme[1].lower() in {"http", "https"}
