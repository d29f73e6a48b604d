"""The shop's routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict

from aiohttp import web
from aiohttp.typedefs import Handler

from demo.shop.backing import UNSERVED, Backing
from demo.shop.catalogue import PRODUCTS
from demo.shop.faults import Fault, Faults, parse
from demo.shop.release import Release, read
from prunella import track_error
from prunella.middleware.aiohttp import middleware

FAULTS = web.AppKey("faults", Faults)
FLAW = web.AppKey("flaw", Faults)  # the release's own, which no switch turns off
RELEASE = web.AppKey("release", Release)
BACKING = web.AppKey("backing", Backing)
LIMITED = frozenset({"/products", "/checkout"})


def create_app(behind: Backing | None = None, release: Release | None = None) -> web.Application:
    """One shop, as healthy as its release is."""
    app = web.Application(middlewares=[middleware(metrics_path="/metrics"), _limited])
    app[FAULTS], app[FLAW], app[BACKING] = Faults(), Faults(), behind or Backing()
    app[RELEASE] = release or read()
    app.cleanup_ctx.extend([_flawed, _closing])
    app.add_routes(
        [
            web.get("/health", health),
            web.get("/version", show_version),
            web.get("/products", products),
            web.post("/checkout", checkout),
            web.post("/admin/gc", collect_garbage),
            web.get("/admin/fault", show_fault),
            web.post("/admin/fault", set_fault),
        ]
    )
    return app


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def show_version(request: web.Request) -> web.Response:
    return web.json_response({"version": request.app[RELEASE].says})


async def products(request: web.Request) -> web.Response:
    await _strike(request)
    return web.json_response({"products": await request.app[BACKING].products()})


async def checkout(request: web.Request) -> web.Response:
    await _strike(request)
    try:
        await request.app[BACKING].order()
    except UNSERVED as error:
        track_error(error, "warning", {"route": "/checkout"})
        raise web.HTTPServiceUnavailable(text=f"no order: {type(error).__name__}\n") from error
    return web.json_response({"paid": True, "cents": PRODUCTS[0]["cents"]}, status=201)


async def collect_garbage(request: web.Request) -> web.Response:
    """The hook that `collect_garbage` calls."""
    return web.json_response({"freed": request.app[FAULTS].collect_garbage()})


async def show_fault(request: web.Request) -> web.Response:
    faults = request.app[FAULTS]
    return web.json_response({**asdict(faults.fault), "leaked": faults.leaked})


async def set_fault(request: web.Request) -> web.Response:
    # A web page elsewhere cannot send this type without asking first, and is not answered.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send application/json\n")
    try:
        fault = parse(await request.text())
        await request.app[BACKING].spoil(fault)
    except ValueError as error:
        raise web.HTTPUnprocessableEntity(text=f"{error}\n") from error
    request.app[FAULTS].set(fault)
    return web.json_response(asdict(fault))


async def _strike(request: web.Request) -> None:
    await request.app[FLAW].strike()
    await request.app[FAULTS].strike()


async def _flawed(app: web.Application) -> AsyncIterator[None]:
    app[FLAW].set(app[RELEASE].flaw)
    yield
    app[FLAW].set(Fault())


@web.middleware
async def _limited(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path in LIMITED and not await request.app[BACKING].admits(request.remote or ""):
        raise web.HTTPTooManyRequests(text="slow down\n")
    return await handler(request)


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[BACKING].close()
