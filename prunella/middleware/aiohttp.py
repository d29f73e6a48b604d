"""Makes an aiohttp app visible: traffic metrics by route template, correlation ids, and pages about itself on request."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from prunella.cardinality import OTHER
from prunella.correlation import CURRENT, HEADER, TRACE_HEADER, correlated, current
from prunella.errors import unhandled
from prunella.middleware.measure import CLIENT_GONE, IN_PROGRESS, SWITCHED, Route, route_of
from prunella.middleware.pages import Asked, Pages

_ID, _TRACE = istr(HEADER), istr(TRACE_HEADER)  # which a dict of headers need not fold
_READS = frozenset({"GET", "HEAD"})
_MOST = 5_000
_known: dict[tuple[object, str], Route] = {}  # by what aiohttp found, and the method


def middleware(metrics_path: str | None = None, **pages: Any) -> Middleware:
    """The outermost middleware of an app; with `metrics_path`, `health_path`, `errors_path` it also answers those."""
    own = Pages(metrics_path, **pages)
    paths = own.paths

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        method, headers = request.method, request.headers
        route = _known.get((request.match_info.route.resource, method)) or _met(request)
        if paths and request.path in paths and method in _READS:
            route, handler = route_of(method, request.path), _page(own)
        work = correlated(headers.get(_ID), headers.get(_TRACE))
        token, began = CURRENT.set(work), perf_counter()
        IN_PROGRESS.inc()
        status, sent = 500, None
        try:
            response = await handler(request)
            status, sent = response.status, _stamped(response, work)
        except BaseException as error:
            status, sent = _failed(error, request, work)
            raise
        finally:
            CURRENT.reset(token)
            IN_PROGRESS.dec()
            route.ended(status, perf_counter() - began, sent, work.trace)
            if method not in _READS:
                route.received(request.content_length or 0)
        return response

    return observe


async def stamp(_: web.Request, response: web.StreamResponse) -> None:
    """For `app.on_response_prepare`, in apps with streams or websockets: their handlers send the header by themselves,
    before any middleware sees it."""
    work = current()
    if work is not None:  # the other answers are sent when their request is over
        response.headers[_ID] = work.id


def _met(request: web.Request) -> Route:
    """For the first request of its kind. Methods are made up by clients, so that what is kept has to be bounded."""
    if len(_known) > _MOST:
        _known.clear()
    route = route_of(request.method, template_of(request))
    _known[request.match_info.route.resource, request.method] = route
    return route


def _failed(error: BaseException, request: web.Request, work: correlated) -> tuple[int, int | None]:
    """What it is counted as, and how large its answer. An error is answered here, because aiohttp's answer has no id."""
    if isinstance(error, web.HTTPException):
        return error.status, _stamped(error, work)
    if not isinstance(error, Exception) or isinstance(error, ConnectionResetError):
        return CLIENT_GONE, None
    unhandled(error, {"method": request.method, "route": template_of(request)})
    if request.app.debug:
        return 500, None
    answer = web.HTTPInternalServerError()
    _stamped(answer, work)
    raise answer from error


def _stamped(response: web.StreamResponse, work: correlated) -> int | None:
    """With the id; gives the size of its body, as far as it is known before or after it was written."""
    if response.prepared:
        return response.body_length if response.status != SWITCHED else None
    response.headers[_ID] = work.id
    body = getattr(response, "_body", None)
    return len(body) if isinstance(body, bytes) else response.content_length


def _page(pages: Pages) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        asked = Asked(request.path, request.rel_url.raw_query_string, _headers(request))
        page = await pages.answer(asked)
        return web.Response(status=page.status, body=page.body, headers=page.all_headers())

    return answer


def _headers(request: web.Request) -> Any:
    return lambda name: request.headers.get(name, "")


def template_of(request: web.Request) -> str:
    """The path's template: `/users/{id}`, not `/users/7`: the path itself would be a label without bound."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else OTHER
