"""What a page loads besides itself: known by its content, so that a browser keeps it until it is another."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from aiohttp import web

from prunella.service.answers import Refused

PATH = "/static/{name}"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# a worker has that of its file, and not that of its page
_POLICY = "default-src 'none'; connect-src 'self'"
_FOLDER = Path(__file__).parent


def address(name: str) -> str:
    """Where a file of this folder is, as it is now."""
    return f"/static/{name}?v={hashlib.sha256(_contents()[name]).hexdigest()[:12]}"


async def show(request: web.Request) -> web.Response:
    """They tell nobody anything, so nobody has to say who they are."""
    name = request.match_info["name"]
    content = _contents().get(name)
    if content is None:
        raise Refused(404, "not_found", "there is no such file")
    return web.Response(
        body=content,
        content_type=KINDS[Path(name).suffix],
        charset="utf-8",
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": _POLICY,
        },
    )


@cache
def _contents() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in _FOLDER.iterdir() if file.suffix in KINDS}
