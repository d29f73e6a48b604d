"""Makes an aiohttp app visible: traffic metrics by route template, correlation ids, and `/metrics` on request."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from prunella.cardinality import OTHER
from prunella.correlation import HEADER, correlated
from prunella.exposition import render
from prunella.middleware.measure import CLIENT_GONE, Measured


def middleware(metrics_path: str | None = None) -> Middleware:
    """The outermost middleware of an app; with `metrics_path` it also answers that path."""

    async def metrics(request: web.Request) -> web.StreamResponse:
        return metrics_response(request)

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        scraped = request.path == metrics_path and request.method in {"GET", "HEAD"}
        route = metrics_path if scraped and metrics_path else template_of(request)
        with (
            correlated(request.headers.get(HEADER)) as correlation,
            Measured(request.method, route) as measured,
        ):
            try:
                response = await (metrics if scraped else handler)(request)
            except web.HTTPException as answer:
                measured.status = answer.status
                answer.headers[HEADER] = correlation
                raise
            except asyncio.CancelledError:
                measured.status = CLIENT_GONE
                raise
            measured.status = response.status
            if not response.prepared:
                response.headers[HEADER] = correlation
            return response

    return observe


def metrics_response(request: web.Request) -> web.Response:
    """The default registry in the format that the request asks for; `name[]` picks metrics."""
    body, content_type = render(
        accept=request.headers.get("Accept", ""), names=request.query.getall("name[]", None)
    )
    response = web.Response(body=body, headers={"Content-Type": content_type})
    response.enable_compression()
    return response


def template_of(request: web.Request) -> str:
    """The path's template: `/users/{id}`, not `/users/7`: the path itself would be a label without bound."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else OTHER
