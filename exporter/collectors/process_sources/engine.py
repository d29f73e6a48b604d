"""The Docker Engine's API as far as looking goes: over its socket, or through a filtering proxy.

The version is asked for and not fixed, because no version is spoken by all engines in use: Docker 20.10 ends at 1.41,
Docker 29 begins at 1.44.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from exporter.collectors.process_sources.base import SourceError
from exporter.http_client import Question, ask
from exporter.probing.outcome import Failed

_WANTED = (1, 44)
_MAX_ANSWER = 4 << 20
_AT_ONCE = 4


def engine_url(text: str) -> str:
    """An address of an engine as the config may name it. Raises ValueError."""
    parsed = urlsplit(text)
    if parsed.scheme == "unix" and parsed.path.startswith("/") and not parsed.netloc:
        return text
    plain = not (parsed.username or parsed.password or parsed.query or parsed.fragment)
    if parsed.scheme in {"http", "https"} and parsed.hostname and plain:
        return text.rstrip("/")
    raise ValueError("must be unix:///path/of.sock, or http://host:port of a filtering proxy")


class Engine:
    """One that has said which version it speaks."""

    def __init__(self, url: str, version: str) -> None:
        self._url, self._version = url, version
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def look(self, path: str) -> Mapping[str, Any] | None:
        """What it says of a container; None when it has none of that name."""
        async with self._free:
            status, answer = await _ask(self._url, f"/v{self._version}{path}")
        if status == 404:
            return None
        if status != 200 or not isinstance(answer, Mapping):
            raise SourceError(f"the Docker Engine at {self._url} answers {status} to GET {path}")
        return answer


async def find_engine(url: str) -> Engine:
    """The engine at that address. Raises SourceError when it cannot be reached."""
    status, answer = await _ask(url, "/version")
    if status != 200:
        raise SourceError(f"the Docker Engine at {url} answers {status} to GET /version")
    return Engine(url, _common(url, answer))


async def _ask(url: str, path: str) -> tuple[int, Any]:
    try:
        answered = await ask(Question(url=url, path=path, most=_MAX_ANSWER))
    except Failed as error:
        cause = error.__cause__
        why = (cause.strerror if isinstance(cause, OSError) else None) or str(error)
        raise SourceError(f"no Docker Engine answers at {url}: {why}") from error
    if not answered.whole:
        raise SourceError(f"{url} answers too much for a Docker Engine")
    return answered.status, _parsed(answered.body)


def _parsed(content: bytes) -> Any:
    """An answer that is no JSON is none that we can use."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _common(url: str, answer: Any) -> str:
    """The version that we were written for, or the nearest that the engine speaks."""
    try:
        newest, oldest = _numbers(answer["ApiVersion"]), _numbers(answer["MinAPIVersion"])
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"what answers at {url} is no Docker Engine") from error
    return ".".join(map(str, max(oldest, min(newest, _WANTED))))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
