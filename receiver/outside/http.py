"""One HTTP request at a time, as plugins may make them: no redirect, no retry, no cookie, a cap and a deadline.

Every request gets its own connection: on a kept one that the server has just closed, a POST fails in a way that looks
like "sent, outcome unknown", and an unknown outcome is never tried again. Letters are, with a key against doubles; so
theirs are kept for a moment, because to connect costs as much as all the rest of a burst's letter.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from receiver.sending import sent_marker
from receiver.tools import MAX_BODY, OutsideError, Response

_CHUNK = 64 << 10
# seconds that a letter's connection may lie idle: servers close theirs after five and more
KEEP = 2.0
# what RFC 3986 lets stand in an address
_WRITTEN = re.compile(r"(?:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_HEADERS = {"User-Agent": "prunella", "Accept-Encoding": "identity"}


class HttpClient:
    """`receiver.tools.Http` on aiohttp; made by open_http()."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body: int = MAX_BODY,
    ) -> Response:
        trace = SimpleNamespace(sent=False)
        try:
            async with self._session.request(
                method,
                _as_written(url),
                headers={**_HEADERS, **(headers or {})},
                data=body,
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
                trace_request_ctx=trace,
            ) as response:
                content = await _read(response, max_body)
                return Response(response.status, content, CIMultiDict(response.headers))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            said = f"{method} {_origin(url)}: {_explain(error, timeout)}"
            raise OutsideError(said, sent=trace.sent) from None  # the cause may quote the whole URL


@asynccontextmanager
async def open_http(keep: float = 0.0) -> AsyncIterator[HttpClient]:
    """A client for the life of the receiver; its connections are used again if they were idle for less than `keep`."""
    async with aiohttp.ClientSession(
        connector=(
            aiohttp.TCPConnector(keepalive_timeout=keep, limit=0)
            if keep
            else aiohttp.TCPConnector(force_close=True, limit=0)
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[sent_marker()],
        trust_env=False,
    ) as session:
        yield HttpClient(session)


async def _read(response: aiohttp.ClientResponse, max_body: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        content += chunk
        if len(content) >= max_body:
            response.close()
            break
    return bytes(content[:max_body])


def _as_written(url: str) -> URL:
    """To the letter, if it is one already: who signs his address may sign how it is spelled (`%2F` or `/`)."""
    return URL(url, encoded=_WRITTEN.fullmatch(url) is not None)


def _origin(url: str) -> str:
    """Scheme and host only: paths, queries and user names are where tokens live."""
    try:
        parsed = URL(url)
        return f"{parsed.scheme}://{parsed.authority.rpartition('@')[2]}" if parsed.host else "?"
    except ValueError:
        return "?"


def _explain(error: Exception, timeout: float) -> str:
    """Why, in words that quote no URL."""
    match error:
        case aiohttp.ClientConnectorError():
            return _why_not_connected(error)
        case TimeoutError():
            return f"no answer within {timeout:g} s"
        case aiohttp.ServerDisconnectedError():
            return "the server hung up without an answer"
        case aiohttp.InvalidURL():
            return "not a URL"
        case OSError():
            return error.strerror or "the connection was lost"
        case _:
            return f"no usable answer ({type(error).__name__})"


def _why_not_connected(error: aiohttp.ClientConnectorError) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "the host name does not resolve"
        case aiohttp.ClientConnectorCertificateError():
            return f"TLS: {error.certificate_error}"
        case aiohttp.ClientConnectorSSLError():
            return f"TLS: {error.os_error}"
        case _:
            code = error.os_error.errno
            return os.strerror(code) if code else "cannot connect"
