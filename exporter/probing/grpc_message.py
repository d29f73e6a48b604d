"""What gRPC's health check says, as bytes, and its numbers for how a call can end.

The two messages have one field each, so that protobuf is written and read here; whoever answers may be anybody.
"""

from __future__ import annotations

from enum import IntEnum

SERVING = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")  # by their numbers
_PREFIX = 5  # bytes before a message: whether it is compressed, and its length
_FIRST_AS_NUMBER = 1 << 3  # the tag of the one field that is asked for
# the kinds of protobuf's fields
_VARINT, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}  # and how many bytes one has
_LONGEST = 10  # bytes of a number


class Code(IntEnum):
    """The ends that we tell apart; a server may say others."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    DEADLINE_EXCEEDED = 4
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


_OF_HTTP = {
    "400": Code.INTERNAL,
    "401": Code.UNAUTHENTICATED,
    "403": Code.PERMISSION_DENIED,
    "404": Code.UNIMPLEMENTED,
    **dict.fromkeys(("429", "502", "503", "504"), Code.UNAVAILABLE),
}
_OF_RESET = {
    3: Code.RESOURCE_EXHAUSTED,  # FLOW_CONTROL_ERROR
    7: Code.UNAVAILABLE,  # REFUSED_STREAM
    8: Code.CANCELLED,  # CANCEL
    11: Code.RESOURCE_EXHAUSTED,  # ENHANCE_YOUR_CALM
    12: Code.PERMISSION_DENIED,  # INADEQUATE_SECURITY
}


def of_http(status: str) -> Code:
    """What an HTTP status means where no gRPC server answered."""
    return _OF_HTTP.get(status, Code.UNKNOWN)


def of_reset(error: int) -> Code:
    """What it means that the stream was broken off, by HTTP/2's number of why."""
    return _OF_RESET.get(error, Code.INTERNAL)


def request(service: str) -> bytes:
    """The question for one service, in gRPC's frame; for the server as a whole when that is empty."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\0" + len(message).to_bytes(_PREFIX - 1, "big") + message


def serving(body: bytes) -> str | None:
    """How the service is, of an answer in its frame; None when it is none."""
    frame, message = body[:_PREFIX], body[_PREFIX:]
    if frame != b"\0" + len(message).to_bytes(_PREFIX - 1, "big"):
        return None
    try:
        number = _status(message)
    except (ValueError, LookupError):
        return None
    return SERVING[number] if number < len(SERVING) else str(number)


def _status(message: bytes) -> int:
    """Its first field, 0 when it is not there. Raises ValueError or LookupError where this is no protobuf."""
    found = place = 0
    while place < len(message):
        tag, place = _number(message, place)
        if tag == _FIRST_AS_NUMBER:
            found, place = _number(message, place)
        else:
            place = _past(message, place, tag & 7)
    if place > len(message):
        raise ValueError("the message breaks off")
    return found


def _past(message: bytes, place: int, kind: int) -> int:
    """Where a field ends that is not ours."""
    if kind == _VARINT:
        return _number(message, place)[1]
    length = _FIXED.get(kind)
    if length is None and kind == _BYTES:
        length, place = _number(message, place)
    if length is None:
        raise ValueError("a field of no known kind")
    return place + length


def _number(message: bytes, place: int) -> tuple[int, int]:
    """The one that begins there, and where it ends."""
    found = 0
    for position in range(_LONGEST):
        byte = message[place + position]
        found |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return found, place + position + 1
    raise ValueError("a number has no end")


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])
