"""What is added to a notice when it is sent: the facts of that moment, so that what comes late is not out of date."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from receiver import metrics
from receiver.channels.base import Channel, Notice
from receiver.channels.templates import TEXT_MOST, TITLE_MOST, TemplateFailed, render
from receiver.decide.diff import diff_link
from receiver.decide.facts import LABELS, Story, at_the_time, deploys_near, facts_of
from receiver.decide.incident import Incident
from receiver.decide.moments import Row
from receiver.decide.release import Release
from receiver.stages.context import Context, playbook_of
from receiver.stages.notify import DASHBOARD, environment_of, log, policy_of

_ROWS = frozenset({"outcome", "verdict"})
FRESH = 1.0  # seconds for which what was read of an incident may be told: a round may take minutes
_ROWS_MOST = 60  # the last of them: a ladder has a handful


class Teller:
    """For one round of letters: what serves is asked for once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._releases: tuple[Release, ...] | None = None
        self._incidents: Mapping[int, Incident] = {}
        self._as_of = 0.0

    async def look_up(self, incidents: Collection[int]) -> None:
        """Reads them all at once, because one by one costs more than to send some of them. Raises JournalUnavailable."""
        numbers = [number for number in incidents if number > 0]
        self._incidents = await self._context.journal.these(numbers) if numbers else {}
        self._as_of = self._context.now()

    async def _incident(self, number: int) -> Incident | None:
        if number <= 0:
            return None
        if self._context.now() - self._as_of < FRESH:
            return self._incidents.get(number)
        return await self._context.journal.incident(number)

    async def complete(self, notice: Notice, channel: Channel) -> Notice:
        """The notice with its facts, and a picture where the channel shows it and there is one.

        What is of no incident stays as it is. Raises JournalUnavailable.
        """
        context = self._context
        incident = await self._incident(notice.incident)
        if incident is None:
            return notice
        story = story_of(incident, await self._rows(incident), await self._near(incident), context)
        links = {
            caption: at_the_time(url, incident, story.now) if caption == DASHBOARD else url
            for caption, url in notice.links.items()
        }
        links = {**links, **await self._diffs(incident, story)}
        picture = None
        if channel.shows_pictures and channel.picture:
            picture = await context.illustrations.of(notice, story, context.tools)
        facts = {**facts_of(story), **notice.facts}
        if channel.shows_labels:
            facts.pop(LABELS, None)
        return replace(notice, facts=facts, links=links, picture=picture)

    async def _rows(self, incident: Incident) -> tuple[Row, ...]:
        """What was done and seen; most incidents are told of before anything was."""
        progress = incident.progress
        if not (progress.acted or progress.result or incident.rung or incident.attempt > 1):
            return ()
        rows: deque[Row] = deque(maxlen=_ROWS_MOST)
        async for line in self._context.journal.export(incident.id):
            row = json.loads(line)
            if row["ev"] in _ROWS:
                rows.append(row)
        return tuple(rows)

    async def _diffs(self, incident: Incident, story: Story) -> dict[str, str]:
        """What the deploys shortly before it changed, where the config says where to read that."""
        targets, found = self._context.settings().targets, dict[str, str]()
        for one in deploys_near(story.releases, incident):
            target = targets.get(one.target)
            if target is None or target.release is None or target.release.compare is None:
                continue
            ledger = await self._context.journal.releases(one.target)
            for caption, url in diff_link(target.release.compare, one, ledger).items():
                found[caption if not found else f"{caption} of {one.target}"] = url
        return found

    async def _near(self, incident: Incident) -> tuple[Release, ...]:
        if not incident.targets:
            return ()
        if self._releases is None:
            self._releases = await self._context.journal.serving()
        return self._releases


def story_of(
    incident: Incident, rows: Sequence[Row], releases: Sequence[Release], context: Context
) -> Story:
    """All that is known of an incident now."""
    return Story(
        incident=incident,
        book=playbook_of(incident) if incident.plan else None,
        now=context.now(),
        rows=rows,
        releases=releases,
        calls=policy_of(context, incident).calls(context.now() - incident.progress.since),
        environment=environment_of(context.settings(), incident.labels),
    )


def in_their_words(context: Context, name: str, channel: Channel, notice: Notice) -> Notice:
    """With the title and the text that the channel's templates make; the default where one fails."""
    templates = channel.templates
    if templates is None:
        return notice
    environment = environment_of(context.settings(), notice.labels)
    words = {"title": notice.title, "text": notice.text}
    for part, source, most in (
        ("title", templates.title, TITLE_MOST),
        ("text", templates.text, TEXT_MOST),
    ):
        if source is None:
            continue
        try:
            words[part] = render(source, notice, environment, most)
        except TemplateFailed as error:
            metrics.TEMPLATE_FAILURES.labels(name).inc()
            log.warning("a template failed", channel=name, part=part, error=str(error))
    return replace(notice, title=words["title"], text=words["text"])
