"""Makes an aiohttp app visible: traffic metrics by route template, correlation ids, and pages about itself on request."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from prunella.cardinality import OTHER
from prunella.correlation import HEADER, TRACE_HEADER, correlated
from prunella.errors import unhandled
from prunella.middleware.measure import CLIENT_GONE, Measured
from prunella.middleware.pages import Asked, Pages, metrics


def middleware(metrics_path: str | None = None, **pages: Any) -> Middleware:
    """The outermost middleware of an app; with `metrics_path`, `health_path`, `errors_path` it also answers those."""
    own = Pages(metrics_path, **pages)
    paths = own.paths

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = request.headers
        route = template_of(request)
        if request.path in paths and request.method in {"GET", "HEAD"}:
            route, handler = request.path, _page(own)
        with (
            correlated(headers.get(HEADER), headers.get(TRACE_HEADER)) as correlation,
            Measured(request.method, route) as measured,
        ):
            response = await _answered(request, handler, measured, route)
            if not response.prepared:
                response.headers[HEADER] = correlation
            measured.sent(_size(response))
            if isinstance(response, web.HTTPException):
                raise response
            return response

    return observe


async def _answered(
    request: web.Request, handler: Handler, measured: Measured, route: str
) -> web.StreamResponse:
    """Whatever the handler comes to; an error becomes the answer that aiohttp would give, for it has to have the id."""
    if request.content_length:
        measured.received(request.content_length)
    try:
        response = await handler(request)
    except web.HTTPException as answer:
        measured.status = answer.status
        return answer
    except asyncio.CancelledError:
        measured.status = CLIENT_GONE
        raise
    except ConnectionResetError:  # the client, while the answer was written
        measured.status = CLIENT_GONE
        raise
    except Exception as error:
        unhandled(error, {"method": request.method, "route": route})
        if request.app.debug:
            raise
        return web.HTTPInternalServerError()
    measured.status = response.status
    return response


def _page(pages: Pages) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        asked = Asked(request.path, request.query_string, _headers(request))
        page = await pages.answer(asked)
        return web.Response(status=page.status, body=page.body, headers=page.all_headers())

    return answer


async def metrics_response(request: web.Request) -> web.Response:
    """The default registry in the format that the request asks for; `name[]` picks metrics."""
    page = await metrics(Asked(request.path, request.query_string, _headers(request)))
    return web.Response(status=page.status, body=page.body, headers=page.all_headers())


def _headers(request: web.Request) -> Any:
    return lambda name: request.headers.get(name, "")


def _size(response: web.StreamResponse) -> int | None:
    """Of what was written by the handler, or will be after it."""
    if response.prepared:
        return response.body_length if response.status != 101 else None
    return response.content_length


def template_of(request: web.Request) -> str:
    """The path's template: `/users/{id}`, not `/users/7`: the path itself would be a label without bound."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else OTHER
