"""Launch watches over the API: all that was seen of one release, its report, and its picture."""

from __future__ import annotations

from typing import TypedDict

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.described import Media, describes
from receiver.decide.launch import LaunchWatch
from receiver.decide.launch_report import report
from receiver.decide.regression import Base, Judged
from receiver.decide.watching import Checkpoint, Launch
from receiver.outside.pictures import PictureError, Pictures
from receiver.stages.context import Context
from receiver.stages.releases import watched_in
from receiver.web.shapes import rfc3339


class PhaseShown(TypedDict):
    """Until when after the deploy, and how often; in seconds."""

    until: float
    every: float


class BaseShown(TypedDict):
    """What a signal is held against."""

    value: float
    source: str
    at: str | None


class SignalShown(TypedDict):
    """What a checkpoint found of one signal."""

    signal: str
    finding: str
    why: str
    value: float | None
    baseline: float | None
    limit: float | None
    counted: bool


class CheckpointShown(TypedDict):
    """One look of the watch."""

    due: str | None
    at: str | None
    phase: int
    finding: str
    traffic: float | None
    signals: list[SignalShown]


class WatchShown(TypedDict):
    """A whole launch watch; `report` is it in lines of text."""

    id: int
    target: str
    version: str
    state: str
    deployed_at: str | None
    finished_at: str | None
    healthy_since: str | None
    phase: int | None
    ended_at: str | None
    outcome: str | None
    phases: list[PhaseShown]
    baseline: dict[str, BaseShown]
    checkpoints: list[CheckpointShown]
    report: list[str]


class LastSeen(TypedDict):
    """The last finding, when, and how the watch ended."""

    verdict: str | None
    checked_at: str | None
    outcome: str | None


class Launches:
    """The routes `/api/v1/releases/{id}/watch` and `…/picture`."""

    def __init__(self, context: Context, pictures: Pictures) -> None:
        self._context = context
        self._pictures = pictures

    @describes({200: WatchShown}, refuses=(404,))
    async def one(self, request: web.Request) -> web.Response:
        """The whole watch as JSON, with its report as text."""
        return web.json_response(await self._document(request))

    @describes({200: Media(("image/png",))}, refuses=(404, 500, 501))
    async def picture(self, request: web.Request) -> web.Response:
        """Every signal against its baseline, as a PNG; 501 where nothing is installed that draws."""
        try:
            drawn = await self._pictures.draw(await self._document(request))
        except PictureError as error:
            status, reason = (501, "no_pictures") if error.missing else (500, "picture_failed")
            raise Refused(status, reason, str(error)) from error
        return web.Response(body=drawn, content_type="image/png")

    async def _document(self, request: web.Request) -> WatchShown:
        number = int(request.match_info["id"])
        launch = await self._context.journal.launch(number)
        if launch is None:
            raise Refused(404, "not_found", f"there is no release {number}")
        watch = self._context.settings().launch_watch
        return document(launch, watch, watched_in(launch.release, watch, self._context.now()))


def document(launch: Launch, watch: LaunchWatch, phase: int | None) -> WatchShown:
    """A watch as JSON."""
    release = launch.release
    return {
        "id": release.id,
        "target": release.target,
        "version": release.version,
        "state": str(release.state),
        "deployed_at": rfc3339(release.deployed_at),
        "finished_at": rfc3339(release.finished_at),
        "healthy_since": rfc3339(release.healthy_since),
        "phase": phase,
        "ended_at": rfc3339(launch.ended_at),
        "outcome": None if launch.outcome is None else str(launch.outcome),
        "phases": [{"until": one.until, "every": one.every} for one in watch.phases],
        "baseline": {name: _base(one) for name, one in (launch.baseline or {}).items()},
        "checkpoints": [_checkpoint(one) for one in launch.checkpoints],
        "report": report(launch).splitlines(),
    }


def last_of(launch: Launch | None) -> LastSeen:
    """What the list says of it."""
    last = None if launch is None else launch.last
    return {
        "verdict": None if last is None else str(last.finding),
        "checked_at": None if last is None else rfc3339(last.at),
        "outcome": None if launch is None or launch.outcome is None else str(launch.outcome),
    }


def _base(base: Base) -> BaseShown:
    return {"value": base.value, "source": str(base.source), "at": rfc3339(base.at)}


def _checkpoint(one: Checkpoint) -> CheckpointShown:
    return {
        "due": rfc3339(one.due),
        "at": rfc3339(one.at),
        "phase": one.phase,
        "finding": str(one.finding),
        "traffic": one.traffic,
        "signals": [_judged(each) for each in one.signals],
    }


def _judged(one: Judged) -> SignalShown:
    return {
        "signal": one.signal,
        "finding": str(one.finding),
        "why": one.why,
        "value": one.value,
        "baseline": None if one.base is None else one.base.value,
        "limit": one.limit,
        "counted": one.counted,
    }
