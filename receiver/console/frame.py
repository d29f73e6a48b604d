"""The one way to make a page: a template in templates/, around it the frame, and on it the policy.

What a template is given is escaped, whatever it is, and characters that nobody would see are named; a name that it is not
given is an error and not an empty place.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from receiver.channels.fitting import visible
from receiver.console.page import NAVIGATION, VISITOR
from receiver.console.static import address
from receiver.endpoints import check_url

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # `no-referrer` would have browsers send `Origin: null` with our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_FOLDER = Path(__file__).parent / "templates"


def render(
    request: web.Request, template: str, *, status: int = 200, **values: object
) -> web.Response:
    """A whole page. A template extends `base.html` and imports what it needs of `parts.html` with context."""
    text = (
        _environment()
        .get_template(template)
        .render(
            values,
            visitor=request.get(VISITOR),
            navigation=request.get(NAVIGATION, ()),
            here=request.path,
        )
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=HEADERS)


def see(path: str, **query: str) -> web.Response:
    """After a form: the page that shows what has come of it, so that reloading it sends nothing again."""
    location = f"{path}?{urlencode(query)}" if query else path
    return web.Response(status=303, headers={**HEADERS, "Location": location})


@lru_cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_seen,
    )
    made.globals["static"] = address
    made.filters.update(moment=moment, web=is_web)
    return made


def _seen(value: object) -> object:
    """What a template writes: text in which nothing turns a line around or hides in it."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def moment(seconds: float | None) -> Markup:
    """Unix seconds, for people and for programs; none for never."""
    if seconds is None:
        return Markup("never")
    at = datetime.fromtimestamp(seconds, UTC)
    shown = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}">{}</time>').format(f"{at:%Y-%m-%dT%H:%M:%SZ}", shown)


def is_web(url: str) -> bool:
    """Whether it may become a link: javascript: and its like stay text."""
    try:
        return check_url(url) == url
    except ValueError:
        return False
