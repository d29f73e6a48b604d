"""`python -m benchmarks.middleware_apps NAME PORT`: the same small app, bare or behind somebody's middleware."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import uvicorn
import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler
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


def starlette() -> Starlette:
    async def order(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route(f"/other{n}/{{key}}", order) for n in range(9)] + [Route("/orders/{key}", order)])  # fmt: skip


def starlette_with_exporter() -> Starlette:
    app = starlette()
    app.add_middleware(PrometheusMiddleware)
    return app


def fastapi() -> FastAPI:
    app = FastAPI()

    @app.get("/orders/{key}", response_class=PlainTextResponse)
    async def order(key: str) -> str:
        return "ok"

    return app


def fastapi_with_instrumentator() -> FastAPI:
    app = fastapi()
    Instrumentator().instrument(app)
    return app


def aiohttp(*middlewares: Any) -> web.Application:
    async def order(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application(middlewares=middlewares)
    app.router.add_get("/orders/{key}", order)
    return app


def plain() -> web.Application:
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

    return aiohttp(observe)


APPS: Mapping[str, Callable[[], Any]] = {
    "starlette": starlette,
    "starlette+prunella": lambda: PrunellaMiddleware(starlette()),
    "starlette+starlette_exporter": starlette_with_exporter,
    "fastapi": fastapi,
    "fastapi+prunella": lambda: PrunellaMiddleware(fastapi()),
    "fastapi+instrumentator": fastapi_with_instrumentator,
    "aiohttp": aiohttp,
    "aiohttp+prunella": lambda: aiohttp(middleware()),
    "aiohttp+plain prometheus_client": plain,
}


def main(name: str, port: int) -> None:
    """Serves until it is ended."""
    app = APPS[name]()
    if isinstance(app, web.Application):
        uvloop.install()
        web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)
    else:
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
