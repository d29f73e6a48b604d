"""PostgreSQL's messages, as far as a console is asked with them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass

PROTOCOL = 196608  # 3.0
TLS_REQUEST = struct.pack("!ii", 8, 80877103)
LARGEST = 64 << 20

Cells = list[str | None]


class ConsoleError(Exception):
    """What the server refused, in its own words, or that it is no such server."""


@dataclass(frozen=True, slots=True)
class Message:
    kind: bytes
    body: bytes


def startup(user: str, database: str) -> bytes:
    pairs = {"user": user, "database": database, "application_name": "prunella-exporter"}
    body = b"".join(f"{name}\0{value}\0".encode() for name, value in pairs.items()) + b"\0"
    return struct.pack("!ii", 8 + len(body), PROTOCOL) + body


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", 4 + len(body)) + body


def query(statement: str) -> bytes:
    return message(b"Q", statement.encode() + b"\0")


async def read(stream: asyncio.StreamReader) -> Message:
    """The next one. Raises ConsoleError for what the server refuses, asyncio.IncompleteReadError when it hangs up."""
    head = await stream.readexactly(5)
    (size,) = struct.unpack_from("!i", head, 1)
    if not 4 <= size <= LARGEST:
        raise ConsoleError("the server does not speak PostgreSQL's protocol")
    return Message(head[:1], await stream.readexactly(size - 4))


def refusal(body: bytes) -> ConsoleError:
    """An ErrorResponse's text."""
    fields = {part[:1]: part[1:] for part in body.split(b"\0") if part}
    return ConsoleError(fields.get(b"M", b"refused without a reason").decode(errors="replace"))


def columns(body: bytes) -> list[str]:
    """A RowDescription's names; what else it tells of a column is not needed for text."""
    (number,) = struct.unpack_from("!h", body)
    found, at = [], 2
    for _ in range(number):
        end = body.index(b"\0", at)
        found.append(body[at:end].decode(errors="replace"))
        at = end + 1 + 18
    return found


def cells(body: bytes) -> Cells:
    """A DataRow's values."""
    (number,) = struct.unpack_from("!h", body)
    found: Cells = []
    at = 2
    for _ in range(number):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        if size < 0:
            found.append(None)
        else:
            found.append(body[at : at + size].decode(errors="replace"))
            at += size
    return found


def row(names: list[str], body: bytes) -> Mapping[str, str | None]:
    """By column, because versions differ in which there are."""
    return dict(zip(names, cells(body), strict=True))
