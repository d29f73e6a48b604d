"""Every route of the console. None is open but what holds nothing."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.auth import Auth, Scope
from prunella.service.web import Route
from receiver.console import static
from receiver.console.answers import Answers
from receiver.console.frame import render
from receiver.console.gate import Gate
from receiver.console.page import NAVIGATION, Hall, Handler, Link, Say, Show
from receiver.console.pages import PAGES
from receiver.stages.context import Context


def console_routes(context: Context, wake: Callable[[], None], auth: Auth) -> tuple[Route, ...]:
    """The pages of the registry and what belongs to them."""
    hall, gate, answers = Hall(context, wake), Gate(auth), Answers(context, wake)
    links = tuple(page.link for page in PAGES if page.link is not None)
    doors = (door for page in PAGES for door in page(hall).doors())
    return (
        *(_route(door, gate, links) for door in doors),
        Route("GET", "/answer/{token}", Scope.SIGNED, answers.show, answers.prove),
        Route("POST", "/answer/{token}", Scope.SIGNED, answers.answer, answers.prove),
        Route("GET", static.PATH, Scope.OPEN, static.show),
    )


def _route(door: Show | Say, gate: Gate, links: tuple[Link, ...]) -> Route:
    handler = _framed(door.handler, links)
    if isinstance(door, Say):
        return Route("POST", door.path, Scope.SIGNED, handler, gate.operates)
    return Route("GET", door.path, Scope.SIGNED, handler, gate.reads)


def _framed(handler: Handler, links: tuple[Link, ...]) -> Handler:
    """The handler, whose refusals are pages for who reads pages."""

    async def framed(request: web.Request) -> web.StreamResponse:
        request[NAVIGATION] = links
        try:
            return await handler(request)
        except Refused as refused:
            if "text/html" not in request.headers.get("Accept", ""):
                raise
            page = render(
                request,
                "trouble.html",
                status=refused.status,
                caption=refused.reason.replace("_", " ").capitalize(),
                text=str(refused),
            )
            page.headers.update(refused.headers)
            return page

    return framed
