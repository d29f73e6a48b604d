"""A copy of a Redis as its own RDB file, taken the way a replica takes it: no file of the server's is touched.

Spoken by hand, because the server sends the file between its answers: SYNC, then `$<length>` and so many bytes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio.connection import SSLConnection

from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.dump import told
from receiver.backups.files import make_private
from receiver.backups.manifest import Manifest
from receiver.decide.backups import Kind
from receiver.stores.redis_url import options_of

MAGIC, END = b"REDIS", 0xFF
PATIENCE = 10.0  # for a login
SAVING = 3600.0  # between two signs of life while the server writes its file
_CHUNK = 1 << 20
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def make_redis(ground: Ground, path: Path, at: str) -> Manifest:
    """Writes the RDB file to `path`. Raises BackupError."""
    if ground.facet.redis is None:
        raise BackupError("`backup.redis` is not set", started=False)
    options = options_of(ground.facet.redis)
    make_private(path)
    try:
        async with _connected(options) as (reader, writer), told(ground, path):
            await _login(reader, writer, options)
            writer.write(b"SYNC\r\n")
            await writer.drain()
            size = await _take(reader, path)
    except (OSError, EOFError, TimeoutError) as error:
        raise BackupError(f"Redis broke off: {str(error) or type(error).__name__}") from error
    check_redis(path)
    return Manifest(ground.target, Kind.REDIS, at, {}, {"bytes": size})


def check_redis(path: Path) -> int:
    """Its size, when it begins and ends as such a file does. Raises Disproved."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(9)
        file.seek(max(0, size - 9))
        tail = file.read(9)
    if not head.startswith(MAGIC) or len(tail) < 9 or tail[0] != END:
        raise Disproved(f"{path.name} is no whole RDB file")
    return size


@asynccontextmanager
async def _connected(options: dict[str, Any]) -> AsyncIterator[Wire]:
    async with asyncio.timeout(PATIENCE):
        if "path" in options:
            reader, writer = await asyncio.open_unix_connection(options["path"])
        else:
            host, port = options.get("host", "localhost"), options.get("port", 6379)
            reader, writer = await asyncio.open_connection(host, port, ssl=_tls(options))
    try:
        yield reader, writer
    finally:
        writer.close()


def _tls(options: dict[str, Any]) -> ssl.SSLContext | None:
    """Believes whom the URL's `ssl_…` say, as everything else does that speaks to this Redis."""
    given = dict(options)
    kind = given.pop("connection_class")
    if not issubclass(kind, SSLConnection):
        return None
    context: ssl.SSLContext = kind(**given).ssl_context.get()
    return context


async def _login(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, options: dict[str, Any]
) -> None:
    if not options.get("password"):
        return
    words = [word for word in (options.get("username"), options["password"]) if word]
    writer.write(_command("AUTH", *words))
    async with asyncio.timeout(PATIENCE):
        answer = await reader.readline()
    if not answer.startswith(b"+OK"):
        raise BackupError("Redis refuses the login: correct backup.redis", started=False)


def _command(*words: str) -> bytes:
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)


async def _take(reader: asyncio.StreamReader, path: Path) -> int:
    """Empty lines are signs of life; then comes the length, and the file."""
    line = b"\n"
    while not line.strip():
        async with asyncio.timeout(SAVING):
            line = await reader.readline()
        if not line:
            raise BackupError("Redis closed the connection before it sent anything")
    if not line.startswith(b"$") or not line[1:].strip().isdigit():
        said = line.decode("ascii", "replace").strip()[:200]
        raise BackupError(f"Redis does not give a copy ({said}): the user needs +sync and +psync")
    left = size = int(line[1:])
    with path.open("wb") as file:
        while left:
            async with asyncio.timeout(PATIENCE * 6):
                chunk = await reader.readexactly(min(left, _CHUNK))
            await asyncio.to_thread(file.write, chunk)
            left -= len(chunk)
    return size
