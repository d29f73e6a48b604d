"""Buttons that were pressed in Slack and Telegram: who sent the request, who pressed, and what becomes of it.

The service waits for three seconds. So a press is worked off beside the request, which ends as soon as the word is
written or after two seconds, whichever is first; who pressed is told afterwards. A foreign user changes nothing and is
told so, and nobody else is.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from prunella.logs import create_logger
from prunella.service.answers import Refused
from prunella.service.auth import Denied
from prunella.service.described import describes
from prunella.service.responses import read_json
from receiver.channels import slack_presses, telegram_presses
from receiver.channels.base import ChannelError
from receiver.channels.buttons import Press
from receiver.channels.slack import Slack
from receiver.channels.telegram import Telegram
from receiver.stages.context import Context
from receiver.stages.press import Pressed, press

MOST = 256 * 1024  # bytes: a press brings the whole message with it
_PATIENCE = 2.0
_NOT_OURS = "This button says nothing any more: use the newest message."
_NOT_YOU = "You may not answer here: ask for your user id to be added to `approvers`."
_SECRET = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header

Background = Callable[[str, Callable[[], Awaitable[None]]], None]

log = create_logger("prunella.receiver.press")


@dataclass
class _Job:
    """One press until it is answered; begun again where it was left if the journal could not take it."""

    said: Press
    pressed: Pressed
    tell: Callable[[str], Awaitable[None]]
    written: asyncio.Event
    outcome: str | None = None


class Presses:
    """The two routes. `background` runs what outlives a request, and again when it fails."""

    def __init__(self, context: Context, wake: Callable[[], None], background: Background) -> None:
        self._context = context
        self._wake = wake
        self._background = background

    async def prove_slack(self, request: web.Request) -> str:
        """Slack's signature over the raw body, no older than five minutes. Raises Denied, Refused."""
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not slack_presses.is_well_formed(timestamp, signature):
            raise Denied("a signature of Slack's is needed", reason="signature_missing")
        if slack_presses.is_late(timestamp, self._context.now()):
            raise Denied("the signature is too old", reason="signature_late")
        if not await self._signers(request):
            raise Denied("the signature is not valid", reason="signature_wrong")
        return "slack"

    @describes({200: None}, refuses=(400, 411, 413))
    async def slack(self, request: web.Request) -> web.Response:
        """`block_actions` of a button of ours; whatever else Slack sends is taken and left."""
        try:
            interaction = slack_presses.interaction_of(await request.read())
        except ValueError as wrong:
            raise Refused(400, "wrong_shape", "the body is no interaction of Slack's") from wrong
        signers = await self._signers(request)
        if interaction is None or not interaction.actions:
            return web.Response()
        found = slack_presses.pressed(signers, interaction)
        channel = signers[0] if found is None else found[0]

        async def tell(text: str) -> None:
            await channel.whisper(interaction.response_url, text, self._context.tools)

        if found is None or interaction.user.id not in channel.approvers:
            self._turn_away(interaction.by, _NOT_OURS if found is None else _NOT_YOU, tell)
            return web.Response()
        _, said, moment = found
        await self._work(
            said, Pressed(interaction.by, f"slack-{_mark(channel.place)}", moment), tell
        )
        return web.Response()

    async def prove_telegram(self, request: web.Request) -> str:
        """The secret that Telegram was given with setWebhook. Raises Denied."""
        secret = request.headers.get(_SECRET, "")
        if not secret:
            raise Denied("Telegram's secret token is needed", reason="signature_missing")
        if not self._senders(request):
            raise Denied("the secret token is not valid", reason="signature_wrong")
        return "telegram"

    @describes({200: dict[str, Any]}, refuses=(400, 411, 413, 415, 422))
    async def telegram(self, request: web.Request) -> web.Response:
        """A callback query of a button of ours; whatever else Telegram sends is taken and left."""
        _bounded(request)
        try:
            update = telegram_presses.Update.model_validate(await read_json(request))
        except ValidationError as wrong:
            raise Refused(422, "wrong_shape", "the body is no update of Telegram's") from wrong
        query, senders = update.callback_query, self._senders(request)
        if query is None:
            return web.json_response({})
        found = telegram_presses.pressed(senders, query)
        channel = senders[0] if found is None else found[0]

        async def tell(text: str) -> None:
            answer = telegram_presses.answer(query, text)
            await channel.call("answerCallbackQuery", answer, self._context.tools)

        if found is None or query.from_.id not in channel.approvers:
            self._turn_away(query.by, _NOT_OURS if found is None else _NOT_YOU, tell)
            return web.json_response({})
        service = f"telegram-{_mark(channel.place)}"
        await self._work(found[1], Pressed(query.by, service, float(update.update_id)), tell)
        return web.json_response({})

    async def _signers(self, request: web.Request) -> tuple[Slack, ...]:
        _bounded(request)
        headers = request.headers
        return slack_presses.signers(
            [one for one in self._context.settings().channels.values() if isinstance(one, Slack)],
            headers.get("X-Slack-Request-Timestamp", ""),
            headers.get("X-Slack-Signature", ""),
            await request.read(),
        )

    def _senders(self, request: web.Request) -> tuple[Telegram, ...]:
        channels = self._context.settings().channels.values()
        known = [one for one in channels if isinstance(one, Telegram)]
        return telegram_presses.senders(known, request.headers.get(_SECRET, ""))

    def _turn_away(self, by: str, why: str, tell: Callable[[str], Awaitable[None]]) -> None:
        log.warning("a press was refused", by=by, why=why)
        self._background("press", lambda: _told(tell, why))

    async def _work(
        self, said: Press, pressed: Pressed, tell: Callable[[str], Awaitable[None]]
    ) -> None:
        """Comes back when it is written, or when the service has waited long enough."""
        job = _Job(said, pressed, tell, asyncio.Event())
        self._background("press", lambda: self._do(job))
        try:
            async with asyncio.timeout(_PATIENCE):
                await job.written.wait()
        except TimeoutError:
            log.warning("a press takes long; it goes on", incident=said.incident, word=said.word)

    async def _do(self, job: _Job) -> None:
        if job.outcome is None:
            job.outcome = await press(job.said, job.pressed, self._context)
            self._wake()
            job.written.set()
        await _told(job.tell, job.outcome)


async def _told(tell: Callable[[str], Awaitable[None]], text: str) -> None:
    """Nobody depends on hearing it: what was done is in the journal and in the thread."""
    try:
        await tell(text)
    except ChannelError as error:
        log.warning("who pressed a button could not be told", error=str(error))


def _bounded(request: web.Request) -> None:
    """Raises Refused for a body that is not read before it is known who sent it."""
    if request.content_length is None:
        raise Refused(411, "length_required", "the body needs a Content-Length")
    if request.content_length > MOST:
        raise Refused(413, "body_too_large", f"the body may have {MOST} bytes")


def _mark(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()[:12]
