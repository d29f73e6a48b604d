"""Test messages over the API."""

from __future__ import annotations

from typing import TypedDict

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.settings import Settings
from receiver.stages.context import Context
from receiver.stages.trial import Trial, try_channels
from receiver.unknown import unknown
from receiver.web.bodies import read_object, validated


class TrialBody(Settings):
    """Which channel; none is all of them."""

    channel: str | None = None


class TrialSaid(TypedDict):
    """What a service said to a test message."""

    channel: str
    kind: str
    ok: bool
    error: str | None
    answers: list[str]


class Trials(TypedDict):
    """Channel by channel."""

    channels: list[TrialSaid]


class Notify:
    """The routes under `/api/v1/notify`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @describes({200: Trials}, refuses=(404,), takes=TrialBody)
    async def test(self, request: web.Request) -> web.Response:
        """Sends now and answers with what the services said, each within its own time."""
        body = validated(TrialBody, await read_object(request))
        known = self._context.settings().channels
        if not known:
            raise Refused(404, "not_found", "the config has no channels")
        if body.channel is not None and body.channel not in known:
            raise Refused(404, "not_found", unknown("channel", body.channel, known))
        names = tuple(known) if body.channel is None else (body.channel,)
        by = request[CLIENT] or "operator"
        trials = await try_channels(self._context, names, by)
        said: Trials = {"channels": [_said(one) for one in trials]}
        return web.json_response(said)


def _said(trial: Trial) -> TrialSaid:
    return {
        "channel": trial.channel,
        "kind": trial.kind,
        "ok": trial.error is None,
        "error": trial.error,
        "answers": list(trial.answers),
    }
