"""Every route of the console. None is open but the login, and what holds nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import TypeVar

from aiohttp import web

from prunella.logs import create_logger
from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.auth import Auth, Denied, Scope
from prunella.service.responses import Shown, path_of
from prunella.service.route import Route
from receiver.console import static
from receiver.console.answers import Answers
from receiver.console.destinations import Destinations
from receiver.console.events import Events
from receiver.console.frame import render
from receiver.console.gate import LOGIN, Gate
from receiver.console.login import Login
from receiver.console.page import NAVIGATION, VISITOR, Hall, Link, Say, Show
from receiver.console.pages import PAGES
from receiver.console.places import Places, is_browser
from receiver.stages.context import Context
from receiver.web.patience import patient, prompt

R = TypeVar("R")
ANSWER = "/answer/{token}"
Asked = Callable[[web.Request], Awaitable[R]]

log = create_logger("prunella.receiver.access")


class Console:
    """The pages of the registry and what belongs to them."""

    def __init__(self, context: Context, wake: Callable[[], None], auth: Auth) -> None:
        hall, self._gate = Hall(context, wake), Gate(context, auth)
        self._doors = [door for page in PAGES for door in page(hall).doors()]
        pages = Destinations(door.path for door in self._doors if isinstance(door, Show))
        self._login = Login(context, auth, self._gate, pages)
        self._answers = Answers(context, wake)
        self._events = Events(context, self._gate.reads)

    def routes(self) -> tuple[Route, ...]:
        """Each with the proof that it needs."""
        gate, login, answers = self._gate, self._login, self._answers
        bare = (
            Route("GET", LOGIN, Scope.OPEN, login.show),
            Route("POST", LOGIN, Scope.OPEN, login.enter),
            prompt(Route("POST", "/logout", Scope.SIGNED, login.leave, gate.leaves)),
            prompt(Route("GET", ANSWER, Scope.SIGNED, answers.show, answers.prove)),
            prompt(Route("POST", ANSWER, Scope.SIGNED, answers.answer, answers.prove)),
        )
        links = _links()
        return (
            *(_framed(patient(prompt(_route(door, gate))), gate, links) for door in self._doors),
            *(_framed(patient(route), gate, ()) for route in bare),
            patient(Route("GET", "/events", Scope.SIGNED, self._events.listen, gate.reads)),
            Route("GET", static.PATH, Scope.OPEN, static.show),
        )

    def end(self) -> None:
        """The service stops: nobody is kept waiting."""
        self._events.end()


def _links() -> tuple[Link, ...]:
    return tuple(page.link for page in PAGES if page.link is not None)


def _route(door: Show | Say, gate: Gate) -> Route:
    if isinstance(door, Say):
        return Route("POST", door.path, Scope.SIGNED, door.handler, gate.operates)
    return Route("GET", door.path, Scope.SIGNED, door.handler, gate.reads)


def _framed(route: Route, gate: Gate, links: tuple[Link, ...]) -> Route:
    """The route, whose refusals are pages for who reads pages, and who was there is written down."""
    answers = _seen(route.handled, gate, links)

    async def framed(request: web.Request) -> web.StreamResponse:
        response = await answers(request)
        _note(request, gate.places, response.status)
        return response

    proof = route.proof if route.proof is None else _seen(route.proof, gate, links)
    return replace(route, handler=framed, proof=proof)


def _seen(asked: Asked[R], gate: Gate, links: tuple[Link, ...]) -> Asked[R]:
    """A handler or a proof, either of which may refuse."""

    @wraps(asked)
    async def seen(request: web.Request) -> R:
        request[NAVIGATION] = links
        try:
            return await asked(request)
        except Denied as denied:
            refused = gate.disproved(request, denied)
        except Refused as said:
            refused = said
        _note(request, gate.places, refused.status)
        raise Shown(refused, _trouble(request, refused)) if is_browser(request) else refused

    return seen


def _trouble(request: web.Request, refused: Refused) -> web.Response:
    caption = refused.reason.replace("_", " ").capitalize()
    page = render(
        request,
        "trouble.html",
        status=refused.status,
        caption=caption,
        reason=refused.reason,
        text=str(refused),
        look=_look(request),
    )
    page.headers.update(refused.headers)
    return page


def _look(request: web.Request) -> str:
    """Where it is seen whether a form has done what it says: the page that it is on."""
    if VISITOR in request:  # the path of a page's form begins with that of the page
        return request.path.rpartition("/")[0] or "/"
    return request.path  # a link's form is on the link's own


def _note(request: web.Request, places: Places, status: int) -> None:
    visitor = request.get(VISITOR)
    log.info(
        "page",
        method=request.method,
        path=path_of(request),
        status=status,
        by=visitor.name if visitor is not None else request.get(CLIENT, ""),
        address=places.address(request),
    )
