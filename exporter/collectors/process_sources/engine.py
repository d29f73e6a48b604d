"""The Docker Engine's API as far as looking goes: over its socket, or through a filtering proxy.

The version is asked for and not fixed, because no version is spoken by all engines in use: Docker 20.10 ends at 1.41,
Docker 29 begins at 1.44.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from exporter.collectors.process_sources.base import SourceError

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


@dataclass(frozen=True, slots=True)
class Engine:
    """One that has said which version it speaks."""

    url: str
    version: str
    session: aiohttp.ClientSession

    async def look(self, path: str) -> Mapping[str, Any] | None:
        """What it says of a container; None when it has none of that name."""
        status, answer = await _ask(self.session, self.url, f"/v{self.version}{path}")
        if status == 404:
            return None
        if status != 200 or not isinstance(answer, Mapping):
            raise SourceError(f"the Docker Engine at {self.url} answers {status} to GET {path}")
        return answer


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[Engine]:
    """The engine at that address. Raises SourceError when it cannot be reached."""
    parsed = urlsplit(url)
    connector: aiohttp.BaseConnector = (
        aiohttp.UnixConnector(parsed.path, limit=_AT_ONCE)
        if parsed.scheme == "unix"
        else aiohttp.TCPConnector(limit=_AT_ONCE)
    )
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        status, answer = await _ask(session, url, "/version")
        if status != 200:
            raise SourceError(f"the Docker Engine at {url} answers {status} to GET /version")
        yield Engine(url, _common(url, answer), session)


async def _ask(session: aiohttp.ClientSession, url: str, path: str) -> tuple[int, Any]:
    origin = "http://docker" if url.startswith("unix:") else url
    try:
        async with session.get(f"{origin}{path}", allow_redirects=False) as response:
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > _MAX_ANSWER:
                    raise SourceError(f"{url} answers too much for a Docker Engine")
            return response.status, _parsed(bytes(content))
    except (aiohttp.ClientError, OSError) as error:
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        why = (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__
        raise SourceError(f"no Docker Engine answers at {url}: {why}") from error


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
