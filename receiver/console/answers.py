"""The page behind a link that asks: for whoever is told where there are no buttons, by mail above all.

The address is the key. It holds the nonce of one question, which nobody can guess, which is worth nothing for another
plan, and whose time is over with the question's. Programs that look at every link in a mail only read: a GET shows, and
only a POST acts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.auth import Denied
from receiver.channels.buttons import Press
from receiver.channels.fitting import one_line, plain
from receiver.console.forms import read_form
from receiver.console.frame import render
from receiver.decide.incident import Incident
from receiver.journal import Conflict
from receiver.stages.context import Context
from receiver.stages.press import Pressed, press, question_that_stands
from receiver.stages.question import was_asked
from receiver.web.patience import promptly

_TOKEN = re.compile(r"([0-9]{1,18})\.([0-9a-f]{16}\.[A-Za-z0-9_-]{8,32})")
_NAME_MOST = 60
_WORDS = frozenset({"approve", "deny"})


class Answers:
    """GET and POST of one link."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake

    async def prove(self, request: web.Request) -> str:
        """Whether the link was made for the last question of an incident. Raises Denied."""
        if await promptly(self._asked(request)) is None:
            raise Denied("this link is not, or no longer, one of ours", reason="link_void")
        return "link"

    async def show(self, request: web.Request) -> web.Response:
        """What is asked; nothing is done by looking."""
        incident = await self._incident(request)
        try:
            proposal = question_that_stands(incident, _nonce(request), self._context.now())
        except Conflict as gone:
            return _over(request, str(gone))
        plan = plain(proposal.words, 300)
        return render(request, "question.html", incident=incident, plan=plan)

    async def answer(self, request: web.Request) -> web.Response:
        """Approves or denies, as the same word over the API would."""
        form = await read_form(request)
        word = form.get("word", "")
        if word not in _WORDS:
            raise Refused(422, "wrong_shape", "`word` must be approve or deny")
        name = one_line(plain(form.get("name", ""), _NAME_MOST))[:_NAME_MOST] or "somebody"
        incident = await self._incident(request)
        said = Press(word, incident.id, _nonce(request))
        outcome = await press(said, Pressed(f"{name} (by link)", "link", 0.0), self._context)
        self._wake()
        return _over(request, outcome)

    async def _incident(self, request: web.Request) -> Incident:
        incident = await self._asked(request)
        if incident is None:
            raise Refused(404, "not_found", "there is no such question")
        return incident

    async def _asked(self, request: web.Request) -> Incident | None:
        """The incident, if the nonce is that of its last question."""
        found = _TOKEN.fullmatch(request.match_info["token"])
        if found is None:
            return None
        incident = await self._context.journal.incident(int(found[1]))
        if incident is None or not was_asked(incident, found[2]):
            return None
        return incident


def _nonce(request: web.Request) -> str:
    return request.match_info["token"].partition(".")[2]


def _over(request: web.Request, text: str) -> web.Response:
    return render(request, "answered.html", text=text)
