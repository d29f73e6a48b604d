"""A registry as far as a push goes: an image that was pushed has a digest, which one that was only built has not.

By the OCI distribution spec 1.1; what is uploaded is counted and thrown away, because nothing is ever pulled.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sizes: dict[str, int]

    def do_GET(self) -> None:
        self._answer(200)

    def do_HEAD(self) -> None:
        size = self.sizes.get(self.path.rpartition("/")[2])
        self._answer(404 if size is None else 200, size=size or 0)

    def do_POST(self) -> None:
        self._body()
        self._answer(
            202,
            headers={"Location": f"{self.path.rstrip('/')}/{secrets.token_hex(8)}", "Range": "0-0"},
        )

    def do_PATCH(self) -> None:
        size = len(self._body())
        self.sizes[self.path] = size
        self._answer(202, headers={"Location": self.path, "Range": f"0-{size - 1}"})

    def do_PUT(self) -> None:
        body = self._body()
        upload, _, named = self.path.partition("?digest=")
        digest = named.replace("%3A", ":") or f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.sizes[digest] = self.sizes.get(upload, len(body))
        self._answer(201, headers={"Location": self.path, "Docker-Content-Digest": digest})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size + 2)[:-2]
        self.rfile.readline()
        return bytes(body)

    def _answer(self, status: int, size: int = 0, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(size)}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """In silence."""


@contextmanager
def a_registry() -> Iterator[str]:
    """Its `host:port`; engines take loopback for safe without TLS."""
    handler = type("Registry", (_Registry,), {"sizes": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
