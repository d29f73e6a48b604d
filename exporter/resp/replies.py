"""The protocol of Redis, version 2: commands as bytes, and bytes as replies."""

from __future__ import annotations

from typing import TypeAlias

Reply: TypeAlias = "int | bytes | list[Reply] | RefusedError | None"

LARGEST = 64 << 20  # bytes of one answer; an INFO has ten thousand
DEEPEST = 8  # lists in lists; what we ask for has three
GARBLED = "the server does not speak Redis' protocol"


class RefusedError(Exception):
    """The server's own words for why it does not do it."""


class ProtocolError(Exception):
    """What came is no reply."""


class NotWholeError(Exception):
    """There is more to come."""


def command(*words: str) -> bytes:
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        encoded = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(encoded), encoded))
    return b"".join(parts)


def reply(data: bytes, start: int, depth: int = 0) -> tuple[Reply, int]:
    """The reply that begins there, and where the next one would. Raises NotWholeError and ProtocolError."""
    end = data.find(b"\r\n", start)
    if end < 0:
        raise NotWholeError
    kind, rest, after = data[start : start + 1], data[start + 1 : end], end + 2
    if kind == b"+":
        return rest, after
    if kind == b"-":
        return RefusedError(rest.decode(errors="replace")), after
    size = _number(rest)
    if kind == b":":
        return size, after
    if size < 0:
        return None, after
    if kind == b"$":
        return _text(data, after, size)
    if kind == b"*":
        return _several(data, after, size, depth + 1)
    raise ProtocolError(GARBLED)


def _number(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        raise ProtocolError(GARBLED) from None


def _text(data: bytes, start: int, size: int) -> tuple[Reply, int]:
    if size > LARGEST:
        raise ProtocolError("the server sends more than an answer can be")
    end = start + size
    if len(data) < end + 2:
        raise NotWholeError
    return data[start:end], end + 2


def _several(data: bytes, start: int, size: int, depth: int) -> tuple[Reply, int]:
    if depth > DEEPEST:
        raise ProtocolError(GARBLED)
    found: list[Reply] = []
    at = start
    for _ in range(size):
        one, at = reply(data, at, depth)
        found.append(one)
    return found, at
