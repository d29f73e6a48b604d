"""One probe: a request on a fresh connection, and what is to be said about its answer."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from exporter.probing.resolver import ThreadResolver
from prunella.version import version

MAX_BODY = 1 << 20  # what is expected must stand within the first MiB


class Reason(StrEnum):
    """Why a probe failed; each is a value of the label `reason`."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    STATUS = "status"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Request:
    """What to send and what must come back; no `statuses` means any 2xx."""

    url: str
    method: str
    headers: Mapping[str, str]
    timeout: float
    statuses: tuple[int, ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason` is None when all was as expected; `status` is 0 when there was no answer."""

    seconds: float
    reason: Reason | None = None
    status: int = 0


def client(context: ssl.SSLContext) -> aiohttp.ClientSession:
    """A session that keeps nothing: no connection, no cookie, no address."""
    connector = aiohttp.TCPConnector(
        ssl=context, force_close=True, use_dns_cache=False, resolver=ThreadResolver()
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"prunella-exporter/{version()}"},
    )


def noting_expiry(note: Callable[[float], None], ca_file: str | None = None) -> ssl.SSLContext:
    """A context that tells when the certificate ends of every server it shakes hands with."""

    class Watched(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            ends = (self.getpeercert() or {}).get("notAfter")
            if isinstance(ends, str):
                note(float(ssl.cert_time_to_seconds(ends)))

    context = ssl.create_default_context(cafile=ca_file)
    context.sslobject_class = Watched
    return context


async def probe(session: aiohttp.ClientSession, request: Request) -> Outcome:
    """Never raises: whatever goes wrong on the way is the outcome."""
    began = time.monotonic()
    try:
        status, body = await _fetch(session, request)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Outcome(time.monotonic() - began, _reason(error))
    seconds = time.monotonic() - began
    if not (status in request.statuses if request.statuses else 200 <= status < 300):
        return Outcome(seconds, Reason.STATUS, status)
    if request.body and request.body not in body:
        return Outcome(seconds, Reason.BODY, status)
    return Outcome(seconds, None, status)


async def _fetch(session: aiohttp.ClientSession, request: Request) -> tuple[int, str]:
    limit = aiohttp.ClientTimeout(total=request.timeout)
    async with session.request(
        request.method, request.url, headers=request.headers, timeout=limit
    ) as response:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) >= MAX_BODY:
                break
        return response.status, body[:MAX_BODY].decode(errors="replace")


def _reason(error: Exception) -> Reason:
    kinds: tuple[tuple[type[Exception], Reason], ...] = (
        (TimeoutError, Reason.TIMEOUT),
        (aiohttp.ClientConnectorDNSError, Reason.DNS),
        (aiohttp.ClientSSLError, Reason.TLS),
        (ssl.SSLError, Reason.TLS),
        # It answered, but not in HTTP, or sent us round in circles.
        (aiohttp.ClientResponseError, Reason.STATUS),
        (aiohttp.InvalidURL, Reason.STATUS),
    )
    return next((reason for kind, reason in kinds if isinstance(error, kind)), Reason.CONNECT)
