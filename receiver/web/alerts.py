"""`POST /alerts` and `POST /watchdog`: what Alertmanager says. The answer depends on storing it and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

from aiohttp import web

from prunella.logs import create_logger
from prunella.service.answers import Given, Refused
from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.responses import read_json, response_of
from receiver import metrics
from receiver.journal import JournalUnavailable
from receiver.stages.context import Context
from receiver.stages.intake import intake
from receiver.web.patience import come_again
from receiver.webhook import BadDelivery

log = create_logger("prunella.receiver.web")


class Delivery(TypedDict):
    """A webhook's body, of which only this is asked for; the rest of Alertmanager's keys may be there."""

    alerts: list[Any]  # what is no alert is set aside, and the rest is taken


class Taken(TypedDict):
    """What of a delivery is on disk."""

    received: int
    new: int
    repeated: int
    quarantined: int


class Heard(TypedDict):
    """A heartbeat was heard."""

    received: int


class Alerts:
    """The two routes; `wake` has the pipeline look at what was stored."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake

    @describes({202: Taken}, takes=Delivery)
    async def receive(self, request: web.Request) -> web.Response:
        """202 once it is on disk; 503 is the only answer that Alertmanager tries again soon."""
        if request.content_type != "application/json":
            raise Refused(415, "not_json", "the body must be application/json")
        return response_of(await self.take(await request.read(), request[CLIENT]))

    async def take(self, body: bytes, client: str) -> Given:
        """The same of a delivery whose body has come. Raises Refused."""
        try:
            receipt = await intake(body, client or "alertmanager", self._context)
        except BadDelivery as bad:
            log.warning("delivery refused", error=str(bad), status=bad.status, bytes=len(body))
            reason = "not_json" if bad.status == 400 else "wrong_shape"
            raise Refused(bad.status, reason, str(bad)) from bad
        except JournalUnavailable as gone:
            log.warning(
                "delivery not stored; Alertmanager is asked to send it again", error=str(gone)
            )
            raise come_again(str(gone)) from gone
        if receipt.stirs:
            self._wake()
        told = (
            f'{{"received": {receipt.received}, "new": {receipt.new},'
            f' "repeated": {receipt.repeated}, "quarantined": {receipt.quarantined}}}'
        )
        return Given(told.encode(), status=202)

    @describes({202: Heard}, takes=Any)
    async def watchdog(self, request: web.Request) -> web.Response:
        """Alertmanager's always-firing alert: its absence is what Prometheus alerts on."""
        await read_json(request)
        self._context.heard_watchdog.at = self._context.now()
        metrics.WATCHDOG.set(self._context.now())
        heard: Heard = {"received": 1}
        return web.json_response(heard, status=202)
