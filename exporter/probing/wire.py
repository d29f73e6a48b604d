"""A connection of a probe's own: to one address, with a stopwatch, holding little of what comes."""

from __future__ import annotations

import asyncio
import ssl
from time import perf_counter
from typing import cast

from exporter.probing.outcome import Failed, Reason
from exporter.probing.tls import Tls

_MUCH = 256 * 1024  # bytes that wait to be read, above which the other side has to wait


class Wire(asyncio.Protocol):
    """What came stands in `buffer` until somebody takes it out."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.ended = False
        self.first = 0.0  # when the first byte came that was not the handshake's
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._layers: list[Tls] = []  # the outermost first

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            for depth, layer in enumerate(self._layers):
                data = layer.opened(data)
                self._write(layer.sealed(), depth)
                self.ended = self.ended or layer.ended
        except ssl.SSLError as error:
            self.connection_lost(error)
            return
        if data:
            self.first = self.first or perf_counter()
            self.buffer += data
        if len(self.buffer) > _MUCH and self._transport is not None:
            self._transport.pause_reading()
        if data or self.ended:
            self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self._error = True, exc
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def more(self) -> bool:
        """Waits until more has come; False when nothing comes any more. Raises Failed when the line broke."""
        if not self.ended:
            if self._transport is not None and not self._transport.is_reading():
                self._transport.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            before = len(self.buffer)
            await self._waiter
            if len(self.buffer) > before:
                return True
        if isinstance(self._error, ssl.SSLError):
            raise Failed(Reason.TLS, str(self._error))
        if self._error is not None:
            raise Failed(Reason.CONNECT, f"the connection broke: {self._error}")
        return False

    def send(self, data: bytes) -> None:
        """Raises Failed when TLS lets nothing be said any more."""
        try:
            self._write(data, len(self._layers))
        except ssl.SSLError as error:
            raise Failed(Reason.TLS, in_words(error)) from error

    def _write(self, data: bytes, depth: int) -> None:
        """Within the outer layers, so many of them."""
        for layer in reversed(self._layers[:depth]):
            data = layer.sealed(data)
        if data and self._transport is not None:
            self._transport.write(data)

    async def encrypt(self, context: ssl.SSLContext, name: str) -> ssl.SSLObject:
        """From here on in TLS, with whoever can show a certificate for `name`. Raises Failed."""
        if self.buffer:
            raise Failed(Reason.TLS, "what answers does not wait for a handshake")
        try:
            tls = Tls(context, name)
            await self._shake(tls)
        except (ssl.SSLError, ValueError) as error:
            raise Failed(Reason.TLS, in_words(error)) from error
        self._layers.append(tls)
        self.first = 0.0
        self.data_received(b"")  # what came with the last of the handshake
        return tls.connection

    async def _shake(self, tls: Tls) -> None:
        while True:
            done = tls.shaken(bytes(self.buffer))
            self.buffer.clear()
            self.send(tls.sealed())
            if done:
                return
            if not await self.more():
                raise Failed(Reason.TLS, "the connection was closed in the handshake")

    def close(self) -> None:
        """At once: what is still on its way interests nobody."""
        if self._transport is not None:
            self._transport.abort()


async def connect(address: str, port: int, source: str = "") -> Wire:
    """Raises Failed."""
    local = (source, 0) if source else None
    try:
        _, wire = await asyncio.get_running_loop().create_connection(
            Wire, address, port, local_addr=local
        )
    except OSError as error:
        raise Failed(Reason.CONNECT, in_words(error)) from error
    return wire


async def connect_unix(path: str) -> Wire:
    """Raises Failed."""
    try:
        _, wire = await asyncio.get_running_loop().create_unix_connection(Wire, path)
    except OSError as error:
        raise Failed(Reason.CONNECT, in_words(error)) from error
    return wire


def in_words(error: Exception) -> str:
    """One line of what went wrong."""
    return " ".join(str(error).split())[:300] or type(error).__name__
