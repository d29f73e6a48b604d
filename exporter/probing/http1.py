"""HTTP/1.1 as far as a probe speaks it: one request, one answer, then the line is closed.

Whoever answers may be anybody, so nothing is believed of what it says about itself: heads are short, lengths are
numbers, and of a body only the beginning is kept, however much comes.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import count

from exporter.probing.outcome import Failed, Reason
from exporter.probing.wire import Wire

KEPT = 1 << 20  # bytes of a body that are looked at
MOST = 64 << 20  # bytes of a body that are waited for
_HEAD = 64 * 1024
_INTERIM = 5  # answers that only say that the answer will come
_IN_A_ROW = 100  # chunks, however short, before others have their turn
_END = re.compile(rb"\r?\n\r?\n")
_FIRST = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2})(?: .*)?", re.DOTALL)
_LENGTH = re.compile(r"[0-9]{1,15}")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?", re.DOTALL)
_NO_NAME = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")


@dataclass(frozen=True, slots=True)
class Head:
    """Header names are in lower case; one that came twice has two values."""

    status: int
    version: float
    headers: Mapping[str, list[str]]

    def first(self, name: str) -> str:
        return self.headers.get(name, [""])[0]


def request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """What is sent. Raises ValueError when a header would be two."""
    lines = [f"{method} {path} HTTP/1.1"]
    for name, value in headers.items():
        if not name or _NO_NAME.search(name) or any(one in value for one in "\r\n\0"):
            raise ValueError(f"the header {name!r} cannot be sent")
        lines.append(f"{name}: {value}")
    if body or method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1", "replace") + body


async def read_head(wire: Wire) -> Head:
    """The head of the final answer. Raises Failed."""
    for _ in range(_INTERIM + 1):
        head = _head(await _until_empty_line(wire))
        if head.status >= 200 or head.status == 101:
            return head
    raise Failed(Reason.STATUS, f"more than {_INTERIM} interim answers, and none that is final")


async def _until_empty_line(wire: Wire) -> bytes:
    while True:
        end = _END.search(wire.buffer)
        if end is not None and end.end() <= _HEAD:
            head = bytes(wire.buffer[: end.start()])
            del wire.buffer[: end.end()]
            return head
        if end is not None or len(wire.buffer) > _HEAD:
            raise Failed(Reason.STATUS, "the answer's header has no end")
        if not await wire.more():
            if wire.buffer:
                raise Failed(Reason.STATUS, "the answer breaks off, or is not HTTP")
            raise Failed(Reason.CONNECT, "the connection was closed without an answer")


def _head(raw: bytes) -> Head:
    first, *lines = re.split(rb"\r?\n", raw)
    found = _FIRST.fullmatch(first)
    if found is None:
        raise Failed(Reason.STATUS, f"the answer is not HTTP/1: {first[:80]!r}")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or _NO_NAME.search(name) or not name:
            raise Failed(Reason.STATUS, f"the answer has no good header: {line[:80]!r}")
        headers.setdefault(name.lower(), []).append(value.strip())
    return Head(int(found[2]), float(found[1]), headers)


def length_of(head: Head, method: str) -> int:
    """How long the body is going to be, -1 when only its end will tell. Raises Failed."""
    if head.status in {204, 304} or head.status < 200:
        return 0
    if "transfer-encoding" in head.headers:
        return -1
    said = set(head.headers.get("content-length", ()))
    if not said:
        return 0 if method == "HEAD" else -1
    if len(said) > 1 or not _LENGTH.fullmatch(next(iter(said))):
        raise Failed(Reason.STATUS, "the answer's Content-Length is no number")
    return int(next(iter(said)))


@dataclass(slots=True)
class Body:
    """What came: its beginning, and how much it was. `whole` as soon as its end has come."""

    kept: bytearray
    most: int = KEPT  # bytes that are kept
    length: int = 0
    whole: bool = False

    def take(self, piece: bytes) -> None:
        self.length += len(piece)
        if len(self.kept) < self.most:
            self.kept += piece[: self.most - len(self.kept)]


async def read_body(wire: Wire, head: Head, method: str, compression: str, into: Body) -> None:
    """All of it, unless it is longer than `MOST`. Raises Failed."""
    length = 0 if method == "HEAD" else length_of(head, method)
    chunked = length < 0 and "chunked" in head.first("transfer-encoding").lower()
    pieces = _chunks(wire) if chunked else _pieces(wire, length)
    unpacked = _unpacked(pieces, compression) if compression else pieces
    async for piece in unpacked:
        into.take(piece)
        if into.length > MOST:
            raise Failed(Reason.BODY, f"the body is longer than {MOST >> 20} MiB")
    into.whole = True


async def _pieces(wire: Wire, length: int) -> AsyncIterator[bytes]:
    """`length` bytes, or all until the end when that is -1."""
    left = length
    while left:
        if not wire.buffer and not await wire.more():
            if length < 0:
                return
            raise Failed(Reason.BODY, "the body breaks off")
        piece = bytes(wire.buffer if left < 0 else wire.buffer[:left])
        del wire.buffer[: len(piece)]
        left -= len(piece) if left > 0 else 0
        yield piece


async def _chunks(wire: Wire) -> AsyncIterator[bytes]:
    for number in count(1):
        if not number % _IN_A_ROW:
            await asyncio.sleep(0)  # what is in the buffer already is waited for nowhere else
        found = _SIZE.fullmatch(await _line(wire))
        if found is None:
            raise Failed(Reason.BODY, "the body's chunks are not as long as they say")
        size = int(found[1], 16)
        if not size:
            return  # trailers tell nothing that is asked for
        async for piece in _pieces(wire, size):
            yield piece
        if await _line(wire):
            raise Failed(Reason.BODY, "the body's chunks are not as long as they say")


async def _line(wire: Wire) -> bytes:
    while (end := wire.buffer.find(b"\n", 0, _HEAD)) < 0:
        if len(wire.buffer) >= _HEAD or not await wire.more():
            raise Failed(Reason.BODY, "the body breaks off")
    line = bytes(wire.buffer[:end])
    del wire.buffer[: end + 1]
    return line.rstrip(b"\r")


async def _unpacked(pieces: AsyncIterator[bytes], compression: str) -> AsyncIterator[bytes]:
    """A little at a time: a few bytes may stand for very many."""
    packed = zlib.decompressobj(zlib.MAX_WBITS | 16 if compression == "gzip" else -zlib.MAX_WBITS)
    try:
        async for piece in pieces:
            rest = piece
            while rest and not packed.eof:
                yield packed.decompress(rest, KEPT)
                rest = packed.unconsumed_tail
                await asyncio.sleep(0)  # others want their turn
        if not packed.eof:
            raise Failed(Reason.BODY, f"the body is not whole as {compression}")
    except zlib.error as error:
        raise Failed(Reason.BODY, f"the body is not {compression}") from error
