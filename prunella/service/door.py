"""The door that a `web.yml` describes, read again when it or one of its certificates has changed.

The file counts for the next connection and the next request; one that is wrong leaves the one before in force.
Connections are accepted here, because asyncio's own listener keeps the certificates that it was given.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from prunella.logs import create_logger
from prunella.service.answers import Refused
from prunella.service.auth import Denied
from prunella.service.changes import Stamp, stamp_of
from prunella.service.clock import Clock, SystemClock
from prunella.service.settings import ConfigError
from prunella.service.users import Busy, Users
from prunella.service.web_config import RateLimit, WebConfig, read_web_config

BASIC = {"WWW-Authenticate": 'Basic realm="prunella"'}
_AT_ONCE = 64  # connections that are accepted before others get their turn
_PAUSE = 1.0
_log = create_logger(__name__)


class Door:
    """Raises ConfigError when the file cannot be used at the start."""

    def __init__(self, file: Path, clock: Clock | None = None) -> None:
        self._file = file
        self._bucket = _Bucket(clock or SystemClock())
        self._users = Users()
        self._config = WebConfig()
        self._context: ssl.SSLContext | None = None
        self._stamp: Stamp = ()
        self._put_in_force(read_web_config(file))

    def _put_in_force(self, config: WebConfig) -> None:
        tls = config.tls_server_config
        self._context = tls.context() if tls is not None else None
        self._config = config
        self._stamp = self._stamp_now()

    def _stamp_now(self) -> Stamp:
        return stamp_of((self._file, *self._config.files))

    def _look(self) -> None:
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._put_in_force(read_web_config(self._file))
        except (ConfigError, OSError) as error:
            _log.error("web config refused: the one before stays in force", problem=str(error))
        else:
            _log.info("web config read again", file=str(self._file))

    def context(self) -> ssl.SSLContext | None:
        """For a new connection; None for one that is not encrypted."""
        self._look()
        return self._context

    @property
    def protected(self) -> bool:
        """Whether only those come in who can show something."""
        tls = self._config.tls_server_config
        verified = tls is not None and tls.client_auth_type == "RequireAndVerifyClientCert"
        return bool(self._config.basic_auth_users) or verified

    def welcomes(self, certificate: Mapping[str, Any] | None) -> bool:
        """Whether a client with this certificate may come in: one that was verified, by one of its names."""
        tls = self._config.tls_server_config
        wanted = tls.client_allowed_sans if tls is not None else ()
        names = {value for _, value in (certificate or {}).get("subjectAltName", ())}
        return not wanted or not names.isdisjoint(wanted)

    @property
    def headers(self) -> Mapping[str, str]:
        """For every answer."""
        found = self._config.http_server_config.headers
        return {name: value for name, value in found.items() if value}

    async def admit(self, header: str | None) -> str:
        """The user of a request, or nobody in particular. Raises Refused."""
        self._look()
        if not self._bucket.take(self._config.rate_limit):
            raise Refused(429, "too_many_requests", "more requests than rate_limit allows")
        users = self._config.basic_auth_users
        if not users:
            return ""
        try:
            return await self._users.name_of(header, users)
        except Denied as denied:
            raise Refused(401, denied.reason, str(denied), BASIC) from denied
        except Busy:
            later = {"Retry-After": "1"}
            raise Refused(503, "busy", "too many passwords are being tried", later) from None


class _Bucket:
    """One token every `interval`, at most `burst` of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._left, self._at = clock, 0.0, 0.0
        self._limit = RateLimit()

    def take(self, limit: RateLimit) -> bool:
        if limit.interval <= 0:
            return True
        now, most = self._clock.monotonic(), max(1, limit.burst)
        if limit != self._limit:
            self._limit, self._left, self._at = limit, most, now
        self._left = min(most, self._left + (now - self._at) / limit.interval)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


Protocols = Callable[[], asyncio.Protocol]


@contextmanager
def attended(
    server: asyncio.Server, door: Door | None, inner: Protocols, seconds: float, backlog: int
) -> Iterator[None]:
    """Lets clients in through the door, if there is one, while the block runs; `server` is bound and does not serve."""
    if door is None:
        yield
        return
    listeners = [Listener(one, door, inner, seconds, backlog) for one in server.sockets]
    try:
        for listener in listeners:
            listener.start()
        yield
    finally:
        for listener in listeners:
            listener.close()


class Listener:
    """One socket that listens, and the handshakes that are under way."""

    def __init__(
        self, bound: socket.socket, door: Door, inner: Protocols, seconds: float, backlog: int
    ) -> None:
        self._socket = socket.socket(fileno=os.dup(bound.fileno()))
        self._door, self._inner, self._seconds, self._backlog = door, inner, seconds, backlog
        self._opening: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._socket.setblocking(False)
        self._socket.listen(self._backlog)
        self._listen()

    def _listen(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        for task in self._opening:
            task.cancel()

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_AT_ONCE):
            try:
                client, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no more files: whoever waits is let in when some are free
                _log.error("cannot accept connections", error=str(error))
                loop.remove_reader(self._socket.fileno())
                loop.call_later(_PAUSE, self._listen)
                return
            task = loop.create_task(self._let_in(client))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _let_in(self, client: socket.socket) -> None:
        client.setblocking(False)
        context = self._door.context()
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Doorway(self._door, self._inner()),
                client,
                ssl=context,
                ssl_handshake_timeout=self._seconds if context is not None else None,
            )
        except OSError as error:
            _log.debug("no handshake", error=str(error))
            client.close()


class _Doorway(asyncio.Protocol):
    """A connection until its certificate has been looked at; then it is `inner`'s."""

    def __init__(self, door: Door, inner: asyncio.Protocol) -> None:
        self._door, self._inner = door, inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        shown = transport.get_extra_info("ssl_object")
        if shown is not None and not self._door.welcomes(shown.getpeercert()):
            _log.warning("a client certificate without a name that is allowed was turned away")
            cast("asyncio.Transport", transport).abort()
            return
        transport.set_protocol(self._inner)
        self._inner.connection_made(transport)
