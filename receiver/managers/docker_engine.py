"""The Docker Engine's API over its socket or through a proxy, as far as repairs need it.

The version is asked for and not fixed, because no version is spoken by all engines in use: Docker 20.10 ends at 1.41,
Docker 29 begins at 1.44. A path without a version is deprecated.
"""

from __future__ import annotations

import errno
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from prunella.redaction import printable
from receiver.managers.base import ManagerError
from receiver.sending import sent_marker

LOOK_TIMEOUT = 5.0
_WANTED = (1, 44)
_MAX_ANSWER = 4 << 20
_CHUNK = 64 << 10


def check_engine_url(text: str) -> str:
    """An address of an engine as the config may name it. Raises ValueError."""
    parsed = urlsplit(text)
    if parsed.scheme == "unix" and parsed.path.startswith("/") and not parsed.netloc:
        return text
    if parsed.scheme not in {"http", "https"} or not parsed.hostname:
        raise ValueError("must be unix:///path/of.sock, or http://host:port of a filtering proxy")
    if parsed.username or parsed.password or parsed.query or parsed.fragment:
        raise ValueError("must be a plain address: no user, no password, no query")
    return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that has said which version it speaks."""

    url: str
    version: str
    session: aiohttp.ClientSession

    async def look(self, path: str) -> Any | None:
        """What it says about something; None when it has no such container."""
        status, answer = await _ask(
            self.session, self.url, "GET", f"/v{self.version}{path}", LOOK_TIMEOUT
        )
        if status == 404 and "no such container" in _message(answer).lower():
            return None
        if status != 200:
            raise ManagerError(_refusal("GET", path, status, answer), started=False)
        return answer

    async def order(self, path: str, timeout: float) -> None:
        """Has it do something. Raises ManagerError; 5xx says that it began and failed."""
        status, answer = await _ask(
            self.session, self.url, "POST", f"/v{self.version}{path}", timeout
        )
        if status not in {200, 204, 304}:
            raise ManagerError(_refusal("POST", path, status, answer), started=status >= 500)


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[Engine]:
    """The engine at that address, asked for its version. Raises ManagerError when it cannot be reached."""
    parsed = urlsplit(url)
    connector = aiohttp.UnixConnector(parsed.path) if parsed.scheme == "unix" else None
    async with aiohttp.ClientSession(
        connector=connector, trace_configs=[sent_marker()], trust_env=False
    ) as session:
        status, answer = await _ask(session, url, "GET", "/version", LOOK_TIMEOUT)
        if status != 200:
            raise ManagerError(_refusal("GET", "/version", status, answer), started=False)
        yield Engine(url, _common(answer), session)


async def _ask(
    session: aiohttp.ClientSession, url: str, method: str, path: str, timeout: float
) -> tuple[int, Any]:
    """Status and JSON (the text, where it is none); `started` of the error is whether it can have begun something."""
    origin = "http://docker" if url.startswith("unix:") else url
    trace = SimpleNamespace(sent=False)
    try:
        async with session.request(
            method,
            f"{origin}{path}",
            timeout=aiohttp.ClientTimeout(total=timeout),
            allow_redirects=False,
            trace_request_ctx=trace,
        ) as response:
            content = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                content += chunk
                if len(content) > _MAX_ANSWER:
                    raise ManagerError(f"{url} answers too much for a Docker Engine", started=False)
            return response.status, _parsed(bytes(content))
    except (aiohttp.ClientError, OSError) as error:
        began = trace.sent and method != "GET"
        raise ManagerError(_unreachable(url, error, timeout), started=began) from error


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")


def _unreachable(url: str, error: Exception, timeout: float) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = cause.errno if isinstance(cause, OSError) else None
    if isinstance(cause, TimeoutError):
        return f"the Docker Engine at {url} gave no answer within {timeout:g} s"
    if number in {errno.EACCES, errno.EPERM}:
        return (
            f"no permission to open {url}: let the receiver's user into the group `docker` (which is as good as root on "
            "this machine), or give the http:// address of a filtering proxy (docs/examples/docker-socket-proxy.yml)"
        )
    why = (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__
    return f"no Docker Engine answers at {url}: {why}"


def _refusal(method: str, path: str, status: int, answer: Any) -> str:
    if status in {401, 403, 405}:
        return (
            f"what stands before the Docker Engine forbids {method} {path} ({status}): allow it there "
            "(docs/examples/docker-socket-proxy.yml)"
        )
    return f"Docker Engine: {_message(answer) or 'no reason given'} ({status})"


def _message(answer: Any) -> str:
    said = answer.get("message", "") if isinstance(answer, Mapping) else answer
    return printable(str(said or "").strip())[:200]


def _common(answer: Any) -> str:
    """The version that we were written for, or the nearest that the engine speaks."""
    try:
        newest, oldest = _numbers(answer["ApiVersion"]), _numbers(answer["MinAPIVersion"])
    except (KeyError, TypeError, ValueError) as error:
        raise ManagerError(
            "what answers is no Docker Engine: it names no version", started=False
        ) from error
    return ".".join(map(str, max(oldest, min(newest, _WANTED))))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
