"""The preview over HTTP: what Slack answers to the receiver, the page, and presses that go back signed.

Whoever presses here answers for the demonstration's human, so no other page in the same browser may do it: requests
come with our own name as Host (a foreign name that points to loopback does not), and a press from our own page.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from demo.preview import slack_page
from demo.preview.page import Shown, page
from demo.preview.slack import Posted, Slack, buttons_of, signed
from demo.preview.slack_rules import Wrong

REFRESH = 3  # seconds
HUMAN = "U0YOU"
ALL = ("← all incidents", "/")
INTRO = (
    "A preview of what Slack would show; nothing leaves this machine. Each card is one incident: "
    "its first message always says how things stand, below it is its thread. The buttons work: you are the one who may answer."
)
_ANSWERED_WITHIN = 1.5  # seconds for which the page waits to show what a press brought about
_PATIENCE = aiohttp.ClientTimeout(total=5)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Preview:
    """The routes; `receiver` is the address that presses are sent to."""

    def __init__(self, slack: Slack, receiver: str) -> None:
        self._slack = slack
        self.receiver = receiver
        self._session: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.cleanup_ctx.append(self._connected)
        app.router.add_get("/", self.index)
        app.router.add_get("/-/ready", _ready)
        app.router.add_get("/threads/{ts}", self.thread)
        app.router.add_get("/incidents/{number:[0-9]{1,18}}", self.incident)
        app.router.add_post(slack_page.PRESS, self.press)
        app.router.add_post("/api/{method}", self.method)
        app.router.add_post("/actions/{path:.*}", self.answered)
        return app

    async def index(self, request: web.Request) -> web.Response:
        return self._page(slack_page.channel(self._slack))

    async def thread(self, request: web.Request) -> web.Response:
        root = self._slack.find(request.match_info["ts"])
        if root is None:
            raise web.HTTPFound("/")
        return self._page([slack_page.thread(self._slack, root)], back=ALL)

    async def incident(self, request: web.Request) -> web.Response:
        """The thread of an incident; the newest, for a receiver that has begun to count anew."""
        number = int(request.match_info["number"])
        roots = [one for one in self._slack.roots() if one.about.get("incident") == number]
        raise web.HTTPFound(f"/threads/{roots[-1].ts}" if roots else "/")

    async def press(self, request: web.Request) -> web.Response:
        """Somebody pressed a button of the page; what must be asked once more, is."""
        form = await request.post()
        one = self._slack.find(str(form.get("ts")))
        offered = [] if one is None else buttons_of(one.body)
        button = next((each for each in offered if each["action_id"] == form.get("word")), None)
        if one is None or button is None:  # it was taken away meanwhile
            raise web.HTTPSeeOther("/")
        if "confirm" in button and form.get("sure") != "yes":
            return self._page([slack_page.asked_again(one, button)], refresh=0)
        await self._send(one, button)
        raise web.HTTPSeeOther(f"/threads/{one.ts}")

    async def method(self, request: web.Request) -> web.Response:
        """A method of the Web API, which answers 200 whatever it thinks of the message."""
        try:
            self._slack.authorized(request.headers.get("Authorization", ""))
            answer = self._slack.do(request.match_info["method"], await _arguments(request))
        except Wrong as wrong:
            return web.json_response({"ok": False, "error": str(wrong)})
        return web.json_response({"ok": True, **answer})

    async def answered(self, request: web.Request) -> web.Response:
        """A response_url, which whoever pressed has given away; only that one reads what comes."""
        try:
            self._slack.answer(request.path, await _arguments(request))
        except Wrong as wrong:
            return web.json_response({"ok": False, "error": str(wrong)}, status=400)
        return web.json_response({"ok": True})

    async def _send(self, one: Posted, button: dict[str, Any]) -> None:
        """To the receiver, as Slack does it; waits a moment for what it says to it."""
        at = time.time()
        pressed = self._slack.interaction(
            one, button["action_id"], button["value"], user=HUMAN, at=at
        )
        headers, body = signed(pressed, at, self._slack.workspace.signing_secret)
        before = len(self._slack.heard)
        why = await self._told(headers, body)
        if why:
            path = f"/actions/T0/{one.ts}/{at:.6f}"
            self._slack.answer(path, {"text": f"The receiver did not take it: {why}."})
        for _ in range(int(_ANSWERED_WITHIN / 0.05)):
            if len(self._slack.heard) > before:
                break
            await asyncio.sleep(0.05)

    async def _told(self, headers: dict[str, str], body: bytes) -> str:
        """Why the receiver refused it; empty when it did not."""
        assert self._session is not None  # noqa: S101 - narrows for mypy what _connected has done
        url = f"{self.receiver}/slack/interactions"
        try:
            async with self._session.post(url, data=body, headers=headers) as response:
                return "" if response.status == 200 else f"it answered {response.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"it does not answer ({type(error).__name__})"

    def _page(
        self,
        messages: Sequence[Shown],
        refresh: int = REFRESH,
        back: tuple[str, str] | None = None,
    ) -> web.Response:
        title = f"Slack {self._slack.workspace.name}"
        html = page(title, messages, INTRO, refresh, back)
        return web.Response(text=html, content_type="text/html", headers=_HEADERS)

    async def _connected(self, app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(timeout=_PATIENCE) as self._session:
            yield

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        own = self._slack.url.removeprefix("http://")
        if request.host not in {own, own.replace("127.0.0.1", "localhost")}:
            raise web.HTTPForbidden(text=f"this is {own}\n")
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{request.host}":
            raise web.HTTPForbidden(text="another page may not press here\n")
        return await handler(request)


async def _ready(request: web.Request) -> web.Response:
    return web.Response()


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise Wrong("not_json")
    try:
        arguments = json.loads(await request.read())
    except ValueError:
        raise Wrong("json_not_valid") from None
    if not isinstance(arguments, dict):
        raise Wrong("json_not_valid")
    return arguments
