"""The shop's routes."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from demo.shop.faults import Faults, parse
from prunella.middleware.aiohttp import middleware
from prunella.version import version

PRODUCTS = (
    {"id": 1, "name": "self-heal tea", "cents": 490},
    {"id": 2, "name": "plaster, assorted", "cents": 320},
    {"id": 3, "name": "spare fuse", "cents": 110},
)
FAULTS = web.AppKey("faults", Faults)


def create_app() -> web.Application:
    """One shop, healthy."""
    app = web.Application(middlewares=[middleware(metrics_path="/metrics")])
    app[FAULTS] = Faults()
    app.add_routes(
        [
            web.get("/health", health),
            web.get("/version", show_version),
            web.get("/products", products),
            web.post("/checkout", checkout),
            web.get("/admin/fault", show_fault),
            web.post("/admin/fault", set_fault),
        ]
    )
    return app


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def show_version(request: web.Request) -> web.Response:
    return web.json_response({"version": version()})


async def products(request: web.Request) -> web.Response:
    await request.app[FAULTS].strike()
    return web.json_response({"products": PRODUCTS})


async def checkout(request: web.Request) -> web.Response:
    await request.app[FAULTS].strike()
    return web.json_response({"paid": True, "cents": PRODUCTS[0]["cents"]}, status=201)


async def show_fault(request: web.Request) -> web.Response:
    faults = request.app[FAULTS]
    return web.json_response({**asdict(faults.fault), "leaked": faults.leaked})


async def set_fault(request: web.Request) -> web.Response:
    # A web page elsewhere cannot send this type without asking first, and is not answered.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send application/json\n")
    try:
        fault = parse(await request.text())
    except ValueError as error:
        raise web.HTTPUnprocessableEntity(text=f"{error}\n") from error
    request.app[FAULTS].set(fault)
    return web.json_response(asdict(fault))
