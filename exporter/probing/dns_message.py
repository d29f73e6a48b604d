"""Questions to a name server and its answers, as they go over the wire (RFC 1035), and records in the words of a zone file.

The records are matched by a module's regular expressions, so they are written as blackbox_exporter writes them; a type that
is not known here is `\\# 4 7f000001` (RFC 3597).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

TYPES: Mapping[str, int] = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "NAPTR": 35,
    "DS": 43, "RRSIG": 46, "DNSKEY": 48, "TLSA": 52, "SVCB": 64, "HTTPS": 65, "SPF": 99, "ANY": 255, "CAA": 257,
}  # fmt: skip
CLASSES: Mapping[str, int] = {"IN": 1, "CH": 3, "HS": 4, "ANY": 255}
RCODES: Mapping[str, int] = {
    "NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5, "YXDOMAIN": 6, "YXRRSET": 7,
    "NXRRSET": 8, "NOTAUTH": 9, "NOTZONE": 10,
}  # fmt: skip
_TYPE_NAMES = {number: name for name, number in TYPES.items()}
_CLASS_NAMES = {number: name for name, number in CLASSES.items()}
_HEAD = struct.Struct("!6H")
_QUESTION = struct.Struct("!2H")
_RECORD = struct.Struct("!2HIH")
_SOA = struct.Struct("!5I")
_RECURSE, _ANSWER = 0x0100, 0x8000
_QUOTED = b'"\\'  # what has to be escaped between quotes
_JUMPS = 64  # of one name: a message can point at itself


class Record(NamedTuple):
    """One line of a zone file; `serial` only of a SOA."""

    text: str
    serial: int | None


class Message(NamedTuple):
    """An answer and the three sections of it."""

    number: int
    rcode: int
    answer: Sequence[Record]
    authority: Sequence[Record]
    additional: Sequence[Record]


def question(number: int, name: str, kind: int, of: int, *, recurse: bool) -> bytes:
    """Raises ValueError for what is no name."""
    head = _HEAD.pack(number, _RECURSE if recurse else 0, 1, 0, 0, 0)
    return head + _spelled(name) + _QUESTION.pack(kind, of)


def _spelled(name: str) -> bytes:
    labels = [
        label.encode("idna" if not label.isascii() else "ascii")
        for label in name.rstrip(".").split(".")
        if name != "."
    ]
    if (
        any(not 0 < len(label) < 64 for label in labels)
        or sum(map(len, labels)) + len(labels) > 254
    ):
        raise ValueError(f"{name!r} is no name")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def message(data: bytes) -> Message:
    """Raises ValueError for what is no answer."""
    try:
        return _read(data)
    except (struct.error, IndexError) as error:
        raise ValueError("the answer is cut off") from error


def _read(data: bytes) -> Message:
    number, flags, questions, *counts = _HEAD.unpack_from(data)
    if not flags & _ANSWER:
        raise ValueError("what came is no answer")
    at = _HEAD.size
    for _ in range(questions):
        _, at = _name(data, at)
        at += _QUESTION.size
    sections = []
    for count in counts:
        records = []
        for _ in range(count):
            record, at = _record(data, at)
            records.append(record)
        sections.append(records)
    return Message(number, flags & 0x000F, *sections)


def _record(data: bytes, at: int) -> tuple[Record, int]:
    name, at = _name(data, at)
    kind, of, lives, length = _RECORD.unpack_from(data, at)
    at += _RECORD.size
    end = at + length
    if end > len(data):
        raise ValueError("the answer is cut off")
    say = _SAID.get(kind, _unknown)
    said = say(data, at, end)
    which = f"{_CLASS_NAMES.get(of, f'CLASS{of}')}\t{_TYPE_NAMES.get(kind, f'TYPE{kind}')}"
    serial = int(said.split(" ")[2]) if kind == TYPES["SOA"] else None
    return Record(f"{name}\t{lives}\t{which}\t{said}", serial), end


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name that stands there, and where it ends."""
    labels, end, jumps = list[str](), 0, 0
    while length := data[at]:
        if length >= 0xC0:
            end, jumps = end or at + 2, jumps + 1
            at = (length & 0x3F) << 8 | data[at + 1]
            if jumps > _JUMPS:
                raise ValueError("a name points at itself")
            continue
        labels.append(_escaped(data[at + 1 : at + 1 + length], b".'@;()\"\\ "))
        at += 1 + length
    return "".join(f"{label}." for label in labels) or ".", end or at + 1


def _escaped(text: bytes, special: bytes) -> str:
    return "".join(
        f"\\{one:03}" if not 0x20 <= one < 0x7F else f"\\{one:c}" if one in special else f"{one:c}"
        for one in text
    )


def _address(data: bytes, at: int, end: int) -> str:
    raw = data[at:end]
    return str(IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw))


def _one_name(data: bytes, at: int, _end: int) -> str:
    return _name(data, at)[0]


def _exchange(data: bytes, at: int, _end: int) -> str:
    return f"{struct.unpack_from('!H', data, at)[0]} {_name(data, at + 2)[0]}"


def _service(data: bytes, at: int, _end: int) -> str:
    priority, weight, port = struct.unpack_from("!3H", data, at)
    return f"{priority} {weight} {port} {_name(data, at + 6)[0]}"


def _authority(data: bytes, at: int, _end: int) -> str:
    server, at = _name(data, at)
    mailbox, at = _name(data, at)
    return " ".join([server, mailbox, *map(str, _SOA.unpack_from(data, at))])


def _texts(data: bytes, at: int, end: int) -> str:
    said = []
    while at < end:
        length = data[at]
        said.append(f'"{_escaped(data[at + 1 : at + 1 + length], _QUOTED)}"')
        at += 1 + length
    return " ".join(said)


def _permission(data: bytes, at: int, end: int) -> str:
    flag, length = data[at], data[at + 1]
    tag, value = data[at + 2 : at + 2 + length], data[at + 2 + length : end]
    return f'{flag} {_escaped(tag, b"")} "{_escaped(value, _QUOTED)}"'


def _unknown(data: bytes, at: int, end: int) -> str:
    return f"\\# {end - at} {data[at:end].hex()}"


_SAID: Mapping[int, Callable[[bytes, int, int], str]] = {
    TYPES["A"]: _address, TYPES["AAAA"]: _address, TYPES["NS"]: _one_name, TYPES["CNAME"]: _one_name,
    TYPES["PTR"]: _one_name, TYPES["MX"]: _exchange, TYPES["SRV"]: _service, TYPES["SOA"]: _authority,
    TYPES["TXT"]: _texts, TYPES["SPF"]: _texts, TYPES["CAA"]: _permission,
}  # fmt: skip
