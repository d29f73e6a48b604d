"""`python -m tests.prunella.apps.on_aiohttp PORT`."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

from prunella.middleware.aiohttp import middleware


async def order(request: web.Request) -> web.Response:
    return web.json_response({"order": request.match_info["key"]})


async def fail(_: web.Request) -> web.Response:
    raise KeyError("bug")


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(3):
        await response.write(b"part")
    return response


async def slow(_: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    return web.Response()


async def chat(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


def create_app() -> web.Application:
    app, below = (
        web.Application(middlewares=[middleware(metrics_path="/metrics")]),
        web.Application(),
    )
    below.router.add_get("/items/{key}", order)
    app.add_subapp("/api/", below)
    app.router.add_get("/orders/{key}", order)
    app.router.add_get("/fail/{key}", fail)
    app.router.add_get("/stream", stream)
    app.router.add_get("/slow", slow)
    app.router.add_get("/chat", chat)
    return app


if __name__ == "__main__":
    web.run_app(
        create_app(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        handler_cancellation=True,
    )
