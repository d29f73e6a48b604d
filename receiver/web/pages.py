"""What people read in a browser: one frame, one stylesheet, no script, and nothing that comes from anywhere else."""

from __future__ import annotations

from html import escape
from pathlib import Path

from aiohttp import web

STYLESHEET = "/static/prunella.css"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_CSS = Path(__file__).parent / "static" / "prunella.css"
_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Prunella</title>
<link rel="stylesheet" href="{stylesheet}">
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def page(title: str, body: str, *, status: int = 200) -> web.Response:
    """A whole page. `title` is escaped here; `body` is HTML that its maker has escaped."""
    text = _FRAME.format(title=escape(title), stylesheet=STYLESHEET, body=body)
    return web.Response(
        status=status,
        text=text,
        content_type="text/html",
        headers={"Content-Security-Policy": POLICY},
    )


async def stylesheet(_: web.Request) -> web.Response:
    """The one there is; it tells nobody anything."""
    return web.Response(text=_CSS.read_text(), content_type="text/css")
