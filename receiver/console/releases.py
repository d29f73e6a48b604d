"""Releases: the ledger, and of each what its launch watch has seen against what was before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from aiohttp import web

from prunella.service.answers import Refused
from receiver.console.chart import Chart, chart
from receiver.console.frame import render
from receiver.console.page import Hall, Link, Show
from receiver.decide.launch_report import judged_of, report
from receiver.decide.regression import Finding
from receiver.decide.signals import SIGNALS
from receiver.decide.watching import Launch
from receiver.stages.releases import watched_in

MOST = 200  # deploys in the list
MOST_POINTS = 120  # of one picture


class Releases:
    """The pages under /releases."""

    link: ClassVar[Link | None] = Link("Releases", "/releases")

    def __init__(self, hall: Hall) -> None:
        self._context = hall.context

    def doors(self) -> tuple[Show, ...]:
        """The ledger, and each."""
        return Show("/releases", self.list), Show("/releases/{id:[0-9]{1,18}}", self.show)

    async def list(self, request: web.Request) -> web.Response:
        """The newest deploys first."""
        launches = await self._context.journal.launches()
        watch, now = self._context.settings().launch_watch, self._context.now()
        newest = list(reversed(launches))[:MOST]
        phases = {one.release.id: watched_in(one.release, watch, now) for one in newest}
        more = len(launches) - len(newest)
        return render(request, "releases.html", launches=newest, phases=phases, more=more)

    async def show(self, request: web.Request) -> web.Response:
        """One, with every signal that was looked at."""
        number = int(request.match_info["id"])
        launch = await self._context.journal.launch(number)
        if launch is None:
            raise Refused(404, "not_found", f"there is no release {number}")
        watch = self._context.settings().launch_watch
        return render(
            request,
            "release.html",
            launch=launch,
            phase=watched_in(launch.release, watch, self._context.now()),
            report=report(launch),
            pictures=list(_pictures(launch)),
        )


def _pictures(launch: Launch) -> Iterator[tuple[str, Chart]]:
    """Every signal that has a limit, with its caption."""
    for name, signal in SIGNALS.items():
        document = _document(launch, name)
        if document is not None:
            yield signal.caption, chart(document)


def _document(launch: Launch, signal: str) -> Mapping[str, Any] | None:
    looks = launch.checkpoints[-MOST_POINTS:]
    seen = [(one.at, judged_of(one, signal), one) for one in looks]
    series = [(at, one.value) for at, one, _ in seen if one is not None and one.value is not None]
    limits = [one.limit for _, one, _ in seen if one is not None and one.limit is not None]
    if not series or not limits:
        return None
    deployed, end = launch.release.deployed_at, series[-1][0]
    start = min(deployed, series[0][0])
    worse = [at for at, one, _ in seen if one is not None and one.finding is Finding.DEGRADED][:1]
    return {
        "query": SIGNALS[signal].caption,
        "op": "<=",
        "value": limits[-1],
        "series": [series],
        "start": start,
        "end": end,
        "step": end - start,  # looks become rarer with age: no gap is one
        "marks": [
            {"at": deployed, "caption": "deployed", "kind": "acted"},
            *({"at": at, "caption": "worse", "kind": "began"} for at in worse),
        ],
    }
