"""`python -m benchmarks.middleware_apps NAME PORT`: the same small app, bare or behind somebody's middleware."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import uvicorn
import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from fastapi import FastAPI
from prometheus_client import Counter, Gauge, Histogram
from prometheus_fastapi_instrumentator import Instrumentator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette_exporter import PrometheusMiddleware

from prunella.middleware.aiohttp import middleware
from prunella.middleware.asgi import PrunellaMiddleware

Layer = Callable[[Any], object]  # puts a middleware around the app


def starlette() -> Starlette:
    async def order(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[Route(f"/other{n}/{{key}}", order) for n in range(9)]
        + [Route("/orders/{key}", order)]
    )


def fastapi() -> FastAPI:
    app = FastAPI()

    @app.get("/orders/{key}", response_class=PlainTextResponse)
    async def order(key: str) -> str:
        return "ok"

    return app


def aiohttp() -> web.Application:
    async def order(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/orders/{key}", order)
    return app


def ours(app: Starlette) -> None:
    app.add_middleware(PrunellaMiddleware, metrics_path="/metrics")


def plain() -> Middleware:
    """What most people write, with the official client: three metrics, `labels()` for each request."""
    requests = Counter("plain_requests_total", "Requests.", ["method", "route", "status"])
    durations = Histogram("plain_duration_seconds", "Durations.", ["method", "route"])
    in_progress = Gauge("plain_in_progress", "In progress.", ["method", "route"])

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "other"
        began = time.perf_counter()
        in_progress.labels(request.method, route).inc()
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            durations.labels(request.method, route).observe(time.perf_counter() - began)
            requests.labels(request.method, route, str(status)).inc()
            in_progress.labels(request.method, route).dec()

    return observe


def bare(_: object) -> None:
    """Nothing around it."""


APPS: Mapping[str, tuple[Callable[[], Any], Layer]] = {
    "starlette": (starlette, bare),
    "starlette+prunella": (starlette, ours),
    "starlette+starlette_exporter": (
        starlette,
        lambda app: app.add_middleware(PrometheusMiddleware),
    ),
    "fastapi": (fastapi, bare),
    "fastapi+prunella": (fastapi, ours),
    "fastapi+instrumentator": (fastapi, lambda app: Instrumentator().instrument(app)),
    "aiohttp": (aiohttp, bare),
    "aiohttp+prunella": (
        aiohttp,
        lambda app: app.middlewares.append(middleware(metrics_path="/metrics")),
    ),
    "aiohttp+plain prometheus_client": (aiohttp, lambda app: app.middlewares.append(plain())),
}


def main(name: str, port: int) -> None:
    """Serves until it is ended."""
    make, layer = APPS[name]
    app = make()
    layer(app)
    if isinstance(app, web.Application):
        uvloop.install()
        web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)
    else:
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
