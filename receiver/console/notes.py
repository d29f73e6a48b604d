"""What a page says of the form that has led to it.

It is in the address, because nothing else has to be kept for it, and signed for this visitor, page and minute: a link that
somebody else has made puts no word into a page's mouth, and a page that is opened again tomorrow says nothing of yesterday.
"""

from __future__ import annotations

import hmac

from aiohttp import web

from receiver.console.frame import see
from receiver.console.page import VISITOR

SAID = "said"
FOR = 60.0  # seconds


def see_what_came_of(request: web.Request, path: str, word: str, now: float) -> web.Response:
    """Leads to the page, where `what_was_said` is the word then; a program is told by the page itself."""
    key, at = request[VISITOR].csrf, int(now)
    return see(path) if key is None else see(path, said=f"{word}.{at}.{_mark(key, path, word, at)}")


def what_was_said(request: web.Request, now: float) -> str:
    """The word with which this visitor was led to this page just now, or none."""
    key = request[VISITOR].csrf
    word, _, rest = request.query.get(SAID, "").partition(".")
    at, _, mark = rest.partition(".")
    if key is None or not (at.isascii() and at.isdigit() and len(at) <= 18):
        return ""
    ours = hmac.compare_digest(mark.encode(), _mark(key, request.path, word, int(at)).encode())
    return word if ours and abs(now - int(at)) <= FOR else ""


def _mark(key: str, path: str, word: str, at: int) -> str:
    return hmac.digest(key.encode(), f"said {path} {word} {at}".encode(), "sha256").hex()[:32]
