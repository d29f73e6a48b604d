"""`uvicorn tests.prunella.apps.on_fastapi:app`."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse

from prunella.middleware.asgi import PrunellaMiddleware

app = FastAPI()
app.add_middleware(PrunellaMiddleware, metrics_path="/metrics")
below = APIRouter(prefix="/items")


@app.get("/orders/{key}")
async def order(key: str) -> dict[str, str]:
    return {"order": key}


@app.get("/fail/{key}")
def fail(key: str) -> None:
    raise KeyError("bug")


@app.get("/stream")
def stream() -> StreamingResponse:
    def parts() -> Iterator[bytes]:
        for _ in range(3):
            yield b"part"

    return StreamingResponse(parts())


@below.get("/{key}")
def item(key: str) -> dict[str, str]:
    return {"order": key}


app.include_router(below, prefix="/api")
