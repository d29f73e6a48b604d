"""What the config may name on the web: base addresses, paths below them, and the answers that count as good.

A path is only ever joined to a base address from the config and cannot leave its host; labels take no part in it.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
_STATUS = re.compile(r"[1-5](?:xx|\d\d)")


def check_url(text: str) -> str:
    """The text if it is an http or https address with a host. Raises ValueError that does not quote it."""
    try:
        parsed = urlsplit(text)
        usable = parsed.scheme in {"http", "https"} and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        usable = False
    if not usable or _UNPRINTABLE.search(text):
        raise ValueError("must be an address such as http://127.0.0.1:3000")
    return text


def _check_base(text: str) -> str:
    parsed = urlsplit(check_url(text))
    if parsed.query or parsed.fragment:
        raise ValueError("must end before any ? or #")
    return text.rstrip("/")


def _check_path(text: str) -> str:
    path = text.partition("?")[0]
    outside = path.startswith("//") or ".." in path.split("/") or _UNPRINTABLE.search(text)
    if not path.startswith("/") or outside or "#" in text:
        raise ValueError("must be a path such as /health, below the target's http.base_url")
    return text


def _read_statuses(value: object) -> object:
    items = value if isinstance(value, list | tuple) else [value]
    words = tuple(str(item) for item in items if not isinstance(item, bool))
    if not words or len(words) != len(items) or not all(map(_STATUS.fullmatch, words)):
        raise ValueError("must be a status such as 200, a class such as 2xx, or a list of them")
    return words


def is_expected(statuses: tuple[str, ...], status: int) -> bool:
    """Whether a status is one of those, or of a class of those."""
    return str(status) in statuses or f"{status // 100}xx" in statuses


def join(base: str, path: str) -> str:
    """The address of a path below a base."""
    return base.rstrip("/") + path


WebUrl = Annotated[str, AfterValidator(check_url)]
BaseUrl = Annotated[str, AfterValidator(_check_base)]
WebPath = Annotated[str, AfterValidator(_check_path)]
Statuses = Annotated[tuple[str, ...], BeforeValidator(_read_statuses)]
