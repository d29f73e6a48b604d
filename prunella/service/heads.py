"""The header of a POST or a GET as programs write it, read at a tenth of what reading any header takes.

It knows a few names that mean nothing to a server, or just one thing, and gives up at any other name, spelling or
method: aiohttp reads those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from multidict import MultiDict, MultiDictProxy, MultiMapping

from prunella.correlation import HEADER, TRACE_HEADER

END = b"\r\n\r\n"
LONGEST = 2048  # bytes
_REMEMBERED = 512  # a client writes the same header again and again, but for the length of the body
_FIRST = re.compile(r"POST (/[A-Za-z0-9/_-]*) HTTP/1\.1")
_ASKED = re.compile(r"GET (/[A-Za-z0-9/_-]*)(?:\?([!-~]*))? HTTP/1\.1")
# nothing but a name and visible ASCII: where spellings end is where two readers could differ
_LINE = re.compile(r"([A-Za-z-]+): ?((?:[!-~](?:[ -~]*[!-~])?)?)")
_LENGTH = re.compile(r"[0-9]{1,8}")
_JSON = frozenset({"application/json", "application/json; charset=utf-8"})
_IGNORED = frozenset({
    "accept", "accept-encoding", "accept-language", "cache-control", "dnt", "host", "pragma", "priority",
    "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site",
    "sec-fetch-user", "sec-gpc", "upgrade-insecure-requests", "user-agent", "x-forwarded-for",
    "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
})  # fmt: skip
_CORRELATION = HEADER.lower()
_HEEDED = frozenset({
    "authorization", "connection", "content-length", "content-type", _CORRELATION, TRACE_HEADER,
})  # fmt: skip
_ASKING = frozenset({
    "accept", "accept-encoding", "authorization", "connection", "x-prometheus-scrape-timeout-seconds", _CORRELATION,
    TRACE_HEADER,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What a GET asks for. The names of `headers` are in lower case, or case does not matter to it."""

    query: str
    headers: Mapping[str, str]

    @property
    def parameters(self) -> MultiMapping[str]:
        """Of the query, each as often as it is there."""
        return _parameters(self.query)


@lru_cache(_REMEMBERED)
def _parameters(query: str) -> MultiMapping[str]:
    return MultiDictProxy(MultiDict(parse_qsl(query, keep_blank_values=True)))


@dataclass(frozen=True, slots=True)
class Head:
    """What a header says of a body that is JSON: for which path, how long, from whom; or of a GET, what it asks."""

    path: str
    length: int
    authorization: str | None
    correlation: str | None
    asked: Asked | None = None
    trace: str | None = None  # the caller's, as W3C's Trace Context spells it
    closes: bool = False  # the connection is over with the answer

    @property
    def method(self) -> str:
        return "POST" if self.asked is None else "GET"


@lru_cache(_REMEMBERED)
def read_head(head: bytes) -> Head | None:
    """The header, which ends with an empty line, or None if there is anything unusual about it."""
    if not head.isascii():
        return None
    first, *lines = head.removesuffix(END).decode().split("\r\n")
    asked = _ASKED.fullmatch(first)
    if asked is not None:
        return _read_asked(asked[1], asked[2] or "", lines)
    posted, said = _FIRST.fullmatch(first), _said(lines, _HEEDED)
    if posted is None or said is None:
        return None
    length = said.get("content-length", "")
    ordinary = _LENGTH.fullmatch(length) and said.get("content-type") in _JSON
    return _head(posted[1], int(length), said, None) if ordinary else None


def _read_asked(path: str, query: str, lines: list[str]) -> Head | None:
    said = _said(lines, _ASKING)
    return None if said is None else _head(path, 0, said, Asked(query, said))


def _head(path: str, length: int, said: Mapping[str, str], asked: Asked | None) -> Head | None:
    connection = said.get("connection", "keep-alive").lower()
    if connection not in {"keep-alive", "close"}:
        return None
    return Head(
        path,
        length,
        said.get("authorization"),
        said.get(_CORRELATION),
        asked,
        said.get(TRACE_HEADER),
        connection == "close",
    )


def _said(lines: list[str], heeded: frozenset[str]) -> dict[str, str] | None:
    """What is heeded of these lines; None where a name comes twice or nobody knows it."""
    said: dict[str, str] = {}
    left = set(_IGNORED | heeded)
    for line in lines:
        found = _LINE.fullmatch(line)
        name = found[1].lower() if found is not None else ""
        if found is None or name not in left:
            return None
        left.remove(name)
        if name in heeded:
            said[name] = found[2]
    return said
