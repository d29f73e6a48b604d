"""Targets: what each can be asked, what it runs, what is done to it or keeps it from being acted on, and what was done last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from receiver.console.frame import render
from receiver.console.page import Hall, Link, Show
from receiver.decide.guards import Freeze
from receiver.decide.release import Release
from receiver.decide.track_record import PastRun
from receiver.settings import ReceiverSettings
from receiver.targets import Target

LAST = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """One target; `cooling` are playbooks and until when they leave it alone."""

    target: Target
    facets: tuple[str, ...]
    serving: Release | None
    busy: PastRun | None
    frozen: float | None
    cooling: tuple[tuple[str, float], ...]
    runs: Sequence[PastRun]


class Targets:
    """The page /targets."""

    link: ClassVar[Link | None] = Link("Targets", "/targets")

    def __init__(self, hall: Hall) -> None:
        self._context = hall.context

    def doors(self) -> tuple[Show, ...]:
        """The one page."""
        return (Show("/targets", self.show),)

    async def show(self, request: web.Request) -> web.Response:
        """All of them, as they are now."""
        journal, settings, now = (
            self._context.journal,
            self._context.settings(),
            self._context.now(),
        )
        serving = {one.target: one for one in await journal.serving() if one.serves}
        frozen = [one for one in await journal.frozen() if one.until > now]
        shown = []
        for name, target in settings.targets.items():
            runs = await journal.target_runs(name, LAST)
            shown.append(
                Shown(
                    target=target,
                    facets=tuple(sorted(target.facets)),
                    serving=serving.get(name),
                    busy=next((run for run in runs if run.result is None), None),
                    frozen=_shut(name, frozen),
                    cooling=tuple(_cooling(runs, settings, now)),
                    runs=runs,
                )
            )
        return render(request, "targets.html", targets=shown, groups=settings.groups)


def _shut(name: str, frozen: Sequence[Freeze]) -> float | None:
    """Until when nothing is done to it."""
    scopes = {f"target:{name}", "global", "storm"}
    return max((one.until for one in frozen if one.scope in scopes), default=None)


def _cooling(
    runs: Sequence[PastRun], settings: ReceiverSettings, now: float
) -> list[tuple[str, float]]:
    """The playbooks that acted on it so lately that they do not begin again."""
    spans = {book.name: book.cooldown for book in settings.playbooks}
    until: dict[str, float] = {}
    for run in runs:
        over = run.began_at + spans.get(run.playbook, 0.0)
        if over > now:
            until[run.playbook] = max(over, until.get(run.playbook, 0.0))
    return sorted(until.items())
