"""`uvicorn tests.prunella.apps.on_starlette:app`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from prunella.middleware.asgi import PrunellaMiddleware


async def order(request: Request) -> Response:
    return JSONResponse({"order": request.path_params["key"]})


async def fail(_: Request) -> Response:
    raise KeyError("bug")


async def stream(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"part"

    return StreamingResponse(parts())


async def slow(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"part"
        await asyncio.sleep(3600)

    return StreamingResponse(parts())


async def chat(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return


app = PrunellaMiddleware(
    Starlette(
        routes=[
            Route("/orders/{key}", order),
            Route("/fail/{key}", fail),
            Route("/stream", stream),
            Route("/slow", slow),
            Mount("/api", routes=[Route("/items/{key}", order)]),
            WebSocketRoute("/chat", chat),
        ]
    ),
    metrics_path="/metrics",
)
