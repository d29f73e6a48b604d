"""One request to a WSGI app, as a server makes it: what it answered, and the body that was read of it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prunella.middleware.wsgi import App


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes


def environ_of(path: str, method: str = "GET", **more: str) -> dict[str, Any]:
    """`more` are keys of the environ (HTTP_X_…, CONTENT_LENGTH)."""
    path, _, query = path.partition("?")
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "x",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **more,
    }


def ask(app: App, path: str, method: str = "GET", parts: int = 1_000, **more: str) -> Answered:
    """Reads at most so many parts of the answer, as for a client that leaves, and closes it."""
    begun: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _: object = None) -> Any:
        begun[:] = [int(status[:3]), dict(headers)]
        return written.append

    written: list[bytes] = []
    answer: Iterable[bytes] = app(environ_of(path, method, **more), start)
    try:
        for part in answer:
            written.append(part)
            if len(written) >= parts:
                break
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    return Answered(begun[0], begun[1], b"".join(written))
