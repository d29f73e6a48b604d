"""Name lookups that a dead name server cannot turn into a queue of blocked threads."""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from exporter.probing.outcome import Failed, Reason
from exporter.threads import in_thread

Address = IPv4Address | IPv6Address


@lru_cache(4096)
def literal(host: str) -> Address | None:
    """The address that `host` is already."""
    try:
        return ip_address(host)
    except ValueError:
        return None


async def addresses(host: str) -> list[Address]:
    """In the system's order of preference, each once. Raises Failed when there is none."""
    known = literal(host)
    if known is not None:
        return [known]
    try:
        found = await in_thread(lambda: _look_up(host))
    except (OSError, UnicodeError) as error:
        raise Failed(Reason.DNS, f"{host[:200]}: {error}") from error
    if not found:
        raise Failed(Reason.DNS, f"{host[:200]}: no address")
    return found


def _look_up(host: str) -> list[Address]:
    flags = socket.AI_ADDRCONFIG
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    # A link-local address has its zone behind it, which ip_address understands.
    return list(dict.fromkeys(ip_address(str(answer[4][0])) for answer in answers))


def chosen(found: list[Address], prefer: str, fallback: bool) -> list[Address]:
    """The one address that blackbox_exporter would take: the first of the kind, or any. Raises Failed."""
    version = 6 if prefer == "ip6" else 4
    of_kind = [one for one in found if one.version == version]
    if not of_kind and not fallback:
        raise Failed(Reason.DNS, f"there is no {prefer} address")
    return (of_kind or found)[:1]
