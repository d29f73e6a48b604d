"""One connection to pgbouncer's console, asked several things in one round trip."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from exporter.kept import PATIENCE, Kept
from exporter.pgbouncer.login import log_in
from exporter.pgbouncer.messages import (
    TLS_REQUEST,
    ConsoleError,
    Message,
    columns,
    message,
    query,
    read,
    refusal,
    row,
    startup,
)
from exporter.tls_options import client_context, options_of

PORT = 6432

Rows = Sequence[Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where the console is, and as whom it is asked; a `host` with a slash is a folder with its socket."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    tls: str
    roots: str = ""  # file of the authorities that may vouch for the server

    def context(self) -> ssl.SSLContext | None:
        if self.tls in {"disable", "allow"} or self.host.startswith("/"):
            return None
        context = client_context(self.roots or None, verified=self.tls.startswith("verify"))
        context.check_hostname = self.tls == "verify-full"
        return context


def address(url: str) -> Address:
    """Of `postgresql://user:password@host:port/pgbouncer?sslmode=…`. Raises ValueError, which may quote the password."""
    parts = urlsplit(url)
    options = options_of(url)
    tls = options.get("sslmode", "prefer")
    if parts.scheme not in {"postgres", "postgresql"} or parts.port == 0:
        raise ValueError("no console")
    return Address(
        host=parts.hostname or options.get("host", "localhost"),
        port=parts.port or int(options.get("port", PORT)),
        user=unquote(parts.username or "") or options.get("user") or getpass.getuser(),
        password=unquote(parts.password or "") or options.get("password", ""),
        database=unquote(parts.path.lstrip("/")) or "pgbouncer",
        tls=tls,
        roots=options.get("sslrootcert", ""),
    )


class Console:
    """Logged in; used by one at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.lost = False

    async def ask(self, *statements: str) -> list[Rows | ConsoleError]:
        """The rows of each; one that is refused does not keep the others from being answered. Raises OSError."""
        self.lost = True  # until all of the answer is here
        self._writer.write(b"".join(map(query, statements)))
        answers = [await self._rows() for _ in statements]
        self.lost = False
        return answers

    async def _rows(self) -> Rows | ConsoleError:
        names: list[str] = []
        found: list[Mapping[str, str | None]] = []
        refused: ConsoleError | None = None
        while (said := await read(self._reader)).kind != b"Z":
            if said.kind == b"T":
                names = columns(said.body)
            elif said.kind == b"D":
                found.append(row(names, said.body))
            elif said.kind == b"E":
                refused = refusal(said.body)
        return refused or found

    async def log_in(self, target: Address) -> None:
        self._writer.write(startup(target.user, target.database))
        wanted = await self._authentication()
        await log_in(target.user, target.password, wanted, self._answer)
        while (await self._next()).kind != b"Z":
            pass  # its settings, and a key for cancelling

    async def _answer(self, data: bytes) -> bytes:
        self._writer.write(data)
        return await self._authentication()

    async def _authentication(self) -> bytes:
        said = await self._next()
        if said.kind != b"R" or len(said.body) < 4:
            raise ConsoleError("the server does not speak PostgreSQL's protocol")
        return said.body

    async def _next(self) -> Message:
        said = await read(self._reader)
        if said.kind == b"E":
            raise refusal(said.body)
        return said

    def farewell(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write(message(b"X", b""))

    def cut(self) -> None:
        self.lost = True
        self._writer.transport.abort()


class Dialect:
    """How consoles are opened and left."""

    failures = (OSError, EOFError, ConsoleError, ValueError)

    def __init__(self, target: Address) -> None:
        self._target = target

    async def open(self) -> Console:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await self._connect()
            console = Console(reader, writer)
            with contextlib.ExitStack() as undo:
                undo.callback(console.cut)
                await self._encrypt(reader, writer)
                await console.log_in(self._target)
                undo.pop_all()
        return console

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        target = self._target
        if target.host.startswith("/"):
            return await asyncio.open_unix_connection(f"{target.host}/.s.PGSQL.{target.port}")
        return await asyncio.open_connection(target.host, target.port)

    async def _encrypt(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        context = self._target.context()
        if context is None:
            return
        writer.write(TLS_REQUEST)
        if await reader.readexactly(1) == b"S":
            await writer.start_tls(context, server_hostname=self._target.host)
        elif self._target.tls != "prefer":
            raise ConsoleError(f"the server has no TLS, which sslmode={self._target.tls} asks for")

    def usable(self, connection: Console, error: Exception | None) -> bool:
        return not connection.lost

    async def bye(self, connection: Console) -> None:
        connection.farewell()

    def cut(self, connection: Console) -> None:
        connection.cut()


def kept(url: str) -> Kept[Console]:
    """The connection of one entry."""
    return Kept(Dialect(address(url)))
