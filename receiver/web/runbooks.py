"""The runbook of an alert as a page, for whoever is woken and follows the link in the message.

A runbook is Markdown that somebody wrote, perhaps not one of us: HTML in it is shown and never run, and links lead to
http(s) only. The operator's own folder is asked first, then what comes with Prunella.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from pathlib import Path

from aiohttp import web
from markdown_it import MarkdownIt

from receiver.outside.runbooks import folders, is_alert, runbook_file
from receiver.stages.context import Context
from receiver.web.pages import page

LARGEST = 1 << 20


class Runbooks:
    """Routes under /runbooks."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def list(self, _: web.Request) -> web.Response:
        """Every alert that has one."""
        names = sorted({file.stem for folder in self._folders() for file in folder.glob("*.md")})
        items = "\n".join(
            f'<li><a href="/runbooks/{name}">{name}</a></li>'
            for name in names
            if is_alert(name) and name != "README"
        )
        return page("Runbooks", f"<h1>Runbooks</h1>\n<ul>\n{items}\n</ul>")

    async def show(self, request: web.Request) -> web.Response:
        """One; a name that nothing is written for says where it could be."""
        alert = request.match_info["alert"]
        text = self._text(alert)
        if text is None:
            return page(alert, _missing(alert), status=404)
        return page(alert, rendered(text))

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


def _missing(alert: str) -> str:
    name = escape(alert[:200])
    return (
        f"<h1>{name}</h1>\n<p>Nothing is written for this alert. Write <code>{name}.md</code> in the folder that"
        ' <code>runbooks:</code> names in receiver.yml.</p>\n<p><a href="/runbooks">All runbooks</a></p>'
    )
