"""One incident: what is wrong, what was done and why, what was seen of it, whom it was told, and what may be said to it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from aiohttp import web

from prunella.service.answers import Refused
from receiver.channels.buttons import CAPTIONS, Press, episode_mark
from receiver.channels.fitting import URL_MOST
from receiver.console.alerts import fitting
from receiver.console.charts import Charts
from receiver.console.forms import FORM
from receiver.console.frame import render
from receiver.console.notes import see_what_came_of, what_was_said
from receiver.console.page import VISITOR, Hall, Link, Say, Show
from receiver.decide.facts import LABELS, Story, facts_of
from receiver.decide.incident import CLOSED, MOVES, Incident, State
from receiver.decide.moments import Row, words_of
from receiver.journal import Conflict
from receiver.outside.runbooks import runbook_link
from receiver.stages.context import Context
from receiver.stages.press import done, say
from receiver.stages.question import question_of
from receiver.stages.telling import story_of

WORDS = ("approve", "deny", "acknowledge", "resolve")
MOST_ROWS = 200
AFTERWARDS = 300.0  # seconds after its end that a chart shows
TOLD = frozenset({"notified", "muted", "undeliverable"})


@dataclass(frozen=True, slots=True)
class Moment:
    """A row of the journal, as it is shown; `seen` are the samples of a verification."""

    at: float
    ev: str
    text: str
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Button:
    """A word that may be said now; `bound` holds it to what is asked now."""

    word: str
    caption: str
    bound: str


class OneIncident:
    """The page /incidents/{id}, and the four words."""

    link: ClassVar[Link | None] = None

    def __init__(self, hall: Hall) -> None:
        self._context, self._wake = hall.context, hall.wake
        self._charts = Charts(hall.context)

    def doors(self) -> tuple[Show | Say, ...]:
        """The page, and where its buttons lead."""
        words = "{word:" + "|".join(WORDS) + "}"
        return (
            Show("/incidents/{id:[0-9]{1,18}}", self.show),
            Say("/incidents/{id:[0-9]{1,18}}/" + words, self.say),
        )

    async def show(self, request: web.Request) -> web.Response:
        """All that is known."""
        incident = await self._incident(request)
        rows = await self._rows(incident.id)
        releases = await self._context.journal.serving() if incident.targets else ()
        story = story_of(incident, rows, releases, self._context)
        alerts = await self._context.journal.alerts(incident.id)
        shown = fitting(alerts)
        return render(
            request,
            "incident.html",
            incident=incident,
            facts={name: words for name, words in facts_of(story).items() if name != LABELS},
            question=question_of(incident, self._context),
            now=story.now,
            buttons=buttons_of(incident, self._context) if request[VISITOR].operates else (),
            chart=await self._charts.of(as_it_was(story)),
            timeline=[moment_of(row) for row in rows if row["ev"] not in TOLD],
            told=[moment_of(row) for row in rows if row["ev"] in TOLD],
            cut=len(rows) == MOST_ROWS,
            alerts=shown,
            more_alerts=len(alerts) - len(shown),
            runbook=self._runbook(incident),
            said=self._said(request, incident),
            closed=incident.state in CLOSED,
        )

    async def say(self, request: web.Request) -> web.Response:
        """One of the words, if it is still the answer to what is asked."""
        word, number = request.match_info["word"], int(request.match_info["id"])
        said = Press(word, number, request[FORM].get("bound", ""))
        try:
            await say(said, request[VISITOR].name or "operator", self._context)
        except LookupError as missing:
            raise Refused(404, "not_found", str(missing)) from missing
        except Conflict as conflict:
            raise Refused(409, "conflict", f"Nothing was done: {conflict}") from conflict
        self._wake()
        return see_what_came_of(request, f"/incidents/{number}", word, self._context.now())

    async def _incident(self, request: web.Request) -> Incident:
        incident = await self._context.journal.incident(int(request.match_info["id"]))
        if incident is None:
            raise Refused(404, "not_found", f"there is no incident {request.match_info['id']}")
        return incident

    async def _rows(self, number: int) -> Sequence[Row]:
        """The last of them: one that comes back for months has thousands."""
        rows: deque[Row] = deque(maxlen=MOST_ROWS)
        async for line in self._context.journal.export(number):
            rows.append(json.loads(line))
        return rows

    def _said(self, request: web.Request, incident: Incident) -> str:
        word = what_was_said(request, self._context.now())
        return done(word, incident) if word else ""

    def _runbook(self, incident: Incident) -> str | None:
        own = self._context.settings().runbooks
        link = runbook_link(incident.labels, incident.annotations, own, "")
        return link if link is None or len(link) <= URL_MOST else None


def buttons_of(incident: Incident, context: Context) -> tuple[Button, ...]:
    """What may sensibly be said to it by whoever operates."""
    asked = question_of(incident, context)
    bound = {} if asked is None else dict.fromkeys(("approve", "deny"), asked.nonce)
    mark = episode_mark(incident.episode)
    if incident.state not in CLOSED and incident.acknowledged_by is None:
        bound["acknowledge"] = mark
    if State.RESOLVED in MOVES[incident.state]:
        bound["resolve"] = mark
    return tuple(Button(word, CAPTIONS[word], held) for word, held in bound.items())


def as_it_was(story: Story) -> Story:
    """Of one that is over, until a while after its end."""
    over = story.incident.resolved_at if story.incident.state in CLOSED else None
    return story if over is None else replace(story, now=min(story.now, over + AFTERWARDS))


def moment_of(row: Mapping[str, Any]) -> Moment:
    """A row as it is shown."""
    seen = row.get("seen")
    samples = tuple(map(str, seen)) if isinstance(seen, list) else ()
    words = words_of({**row, "seen": ()}) if samples else words_of(row)
    return Moment(float(row["t"]), str(row["ev"]), words, samples)
