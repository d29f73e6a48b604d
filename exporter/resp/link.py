"""Where a Redis is, and how one gets in: the addresses of redis-py, connected to by ourselves.

redis-py sends under asyncio.wait_for, which in Python 3.11 can lose a cancellation (ADR 34), and builds some hundred
objects for one INFO. Nothing of it is loaded here: an exporter that reads Redis alone needs none.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator

from exporter.kept import PATIENCE, Kept
from exporter.resp.replies import ProtocolError, RefusedError, Reply
from exporter.resp.wire import Wire
from exporter.tls_options import check_redis, client_context, options_of
from prunella.service.settings import Secret

NAME = "prunella-exporter"
SCHEMES = ("redis", "rediss", "unix")


@dataclass(frozen=True, slots=True)
class Address:
    """One server, with what it wants to hear from us first."""

    host: str
    port: int
    path: str = ""  # of a socket in the file system
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    def context(self) -> ssl.SSLContext | None:
        """`ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs` and `ssl_check_hostname`, as redis-py has them."""
        if not self.tls:
            return None
        verified = self.options.get("ssl_cert_reqs", "required") != "none"
        context = client_context(self.options.get("ssl_ca_certs"), verified=verified)
        if self.options.get("ssl_check_hostname", "true").lower() in {"false", "no", "0"}:
            context.check_hostname = False
        if certificate := self.options.get("ssl_certfile"):
            context.load_cert_chain(certificate, self.options.get("ssl_keyfile"))
        return context


def address(url: str) -> Address:
    """Raises ValueError, whose own text would quote the password."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or parts.port == 0:
        raise ValueError("no Redis")
    options = options_of(url)
    path = unquote(parts.path) if parts.scheme == "unix" else ""
    if parts.scheme == "unix" and not path:
        raise ValueError("no Redis")
    return Address(
        host=parts.hostname or "localhost",
        port=parts.port or 6379,
        path=path,
        username=unquote(parts.username or options.get("username", "")),
        password=unquote(parts.password or options.get("password", "")),
        tls=parts.scheme == "rediss",
        options=options,
    )


def check_redis_url(url: Secret) -> Secret:
    """Raises ValueError, without a word of the password."""
    text = url.get_secret_value()
    try:
        address(text)
    except ValueError:
        known = "redis://host:port/db, rediss://… or unix:///path/of/redis.sock"
        raise ValueError(f"must be {known}") from None
    check_redis(text)
    return url


RedisUrl = Annotated[Secret, AfterValidator(check_redis_url)]


class Dialect:
    """How connections to one server are made and ended."""

    failures = (OSError, RefusedError, ProtocolError)

    def __init__(self, target: Address) -> None:
        self._target = target

    async def open(self) -> Wire:
        loop, target = asyncio.get_running_loop(), self._target
        context = target.context()
        async with asyncio.timeout(PATIENCE):
            if target.path:
                _, wire = await loop.create_unix_connection(Wire, target.path)
            else:
                _, wire = await loop.create_connection(Wire, target.host, target.port, ssl=context)
            with contextlib.ExitStack() as undo:
                undo.callback(wire.cut)
                await self._greet(wire)
                undo.pop_all()
        return wire

    async def _greet(self, wire: Wire) -> None:
        target = self._target
        if target.password:
            who = (target.username, target.password) if target.username else (target.password,)
            (said,) = await wire.all(("AUTH", *who))
            if isinstance(said, RefusedError):
                raise said
        # A name is a courtesy to who reads CLIENT LIST: neither an old server nor one that forbids it matters.
        await wire.all(("CLIENT", "SETNAME", NAME))

    def usable(self, connection: Wire, error: Exception | None) -> bool:
        return not connection.lost

    async def bye(self, connection: Wire) -> None:
        """Redis needs no farewell."""

    def cut(self, connection: Wire) -> None:
        connection.cut()


def kept(url: str) -> Kept[Wire]:
    """The connection of one entry."""
    return Kept(Dialect(address(url)))


def text(reply: Reply) -> str:
    """What a command said that answers with text. Raises RefusedError."""
    if isinstance(reply, RefusedError):
        raise reply
    return reply.decode(errors="replace") if isinstance(reply, bytes) else ""
