"""Where somebody may be led after the login: to pages, and to nothing that does something or lies elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiohttp import web

# a path of our own; `//host` and `/\host` lead elsewhere
_OURS = re.compile(r"/(?![/\\])[A-Za-z0-9/_.~%?&=+:,-]{0,500}")


class Destinations:
    """The pages of these paths, which are written as those of routes."""

    def __init__(self, paths: Iterable[str]) -> None:
        router = web.UrlDispatcher()
        infos = [router.add_resource(path).get_info() for path in paths]
        self._paths = {info["path"] for info in infos if "path" in info}
        self._patterns = [info["pattern"] for info in infos if "pattern" in info]

    def lead(self, wanted: str | None) -> str:
        """There, if it is one of them, and otherwise to the first page."""
        if wanted is None or not _OURS.fullmatch(wanted):
            return "/"
        path = wanted.partition("?")[0]
        known = path in self._paths or any(one.fullmatch(path) for one in self._patterns)
        return wanted if known else "/"
