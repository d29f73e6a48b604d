"""Loopback ports for servers that live for one test."""

from __future__ import annotations

import secrets
import socket

import psutil

# Below Linux' ephemeral range, so that no outgoing connection takes the port between our look and the server's bind.
FIRST, LAST = 15_000, 32_000
_given: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on now and that this process has not given away before."""
    for _ in range(200):
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if port not in _given and not _taken(port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port found between {FIRST} and {LAST}")


def connections_to(port: int) -> int:
    """How many sockets of this process lead there."""
    found = psutil.Process().net_connections("tcp")
    return sum(getattr(one.raddr, "port", None) == port for one in found)  # () when it has none


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
