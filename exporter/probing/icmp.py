"""A ping: by the kernel's own sockets for it, which need no rights where `net.ipv4.ping_group_range` has our group, else by a raw one."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from exporter.probing.allowed import Gate
from exporter.probing.outcome import Echo, Failed, Outcome, Reason, within
from exporter.probing.resolver import Address
from exporter.probing.target import located
from exporter.probing.wire import in_words

_ECHO = struct.Struct("!2B3H")  # type, code, checksum, id, number
_TEXT = b"Prunella"
_MOST = 65536
# IP_PMTUDISC_DO, IP_MTU_DISCOVER: Linux's numbers, which Python does not name
_ONLY_WHOLE, _DISCOVER = 2, 10
_TTL_TOLD = 12  # IP_RECVTTL
NOT_ALLOWED = (
    "may not send pings: let the group of the exporter do so (sysctl net.ipv4.ping_group_range),"
    " or give it CAP_NET_RAW"
)


@dataclass(frozen=True, slots=True)
class IcmpOrder:
    """Whom to ping, with so many bytes; `whole`: not in fragments."""

    host: str
    gate: Gate
    timeout: float
    size: int = 28
    whole: bool = False
    lives: int = 0  # hops; 0 for the system's own
    prefer: str = "ip6"
    fallback: bool = True
    source: str = ""


async def probe_icmp(order: IcmpOrder) -> Outcome:
    """Whatever goes wrong on the way is the outcome. Raises Forbidden."""
    echo = Echo()
    outcome = Outcome(echo=echo)
    return await within(order.timeout, outcome, _probe(order, outcome, echo))


async def _probe(order: IcmpOrder, outcome: Outcome, echo: Echo) -> None:
    address = await located(order, outcome)
    began = perf_counter()
    with _opened(order, address) as line:
        asked = line.request(order.size)
        echo.setup = perf_counter() - began
        began = perf_counter()
        try:
            line.socket.send(asked)
            echo.hops_left = await line.answer(asked)
        except OSError as error:
            raise Failed(Reason.CONNECT, in_words(error)) from error
        echo.round_trip = perf_counter() - began
    outcome.answered = True


class _Line:
    """A socket that is connected to one address. Of a raw one we are given everything that comes from there."""

    def __init__(self, opened: socket.socket, *, six: bool) -> None:
        self.socket, self._six = opened, six
        self._raw = opened.type == socket.SOCK_RAW
        self._ask, self._reply = (128, 129) if six else (8, 0)

    def request(self, size: int) -> bytes:
        """The kernel puts in its own id, and of IPv6 the checksum."""
        body = (_TEXT * (size // len(_TEXT) + 1))[:size]
        number, ours = secrets.randbelow(1 << 16), os.getpid() & 0xFFFF
        blank = _ECHO.pack(self._ask, 0, 0, ours, number) + body
        return _ECHO.pack(self._ask, 0, _checksum(blank), ours, number) + body

    async def answer(self, asked: bytes) -> int | None:
        """How many hops the answer had left, if that is told."""
        while True:
            await _readable(self.socket)
            data, told, _, _ = self.socket.recvmsg(_MOST, 64)
            if self._raw and not self._six:
                hops, data = data[8], data[(data[0] & 0xF) * 4 :]
            else:
                hops = int.from_bytes(told[0][2][:4], sys.byteorder) if told else -1
            if self._is_it(data, asked):
                return hops if hops >= 0 else None

    def _is_it(self, data: bytes, asked: bytes) -> bool:
        if len(data) != len(asked) or data[:2] != bytes([self._reply, 0]):
            return False
        # Of the kernel's own sockets the id is another, by which it knows whose answer it is.
        return data[6:] == asked[6:] and (not self._raw or data[4:6] == asked[4:6])


async def _readable(line: socket.socket) -> None:
    """uvloop has no call to receive what comes beside the data."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(line, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(line)


@contextmanager
def _opened(order: IcmpOrder, address: Address) -> Iterator[_Line]:
    six = address.version == 6
    opened = _socket(six=six)
    try:
        opened.setblocking(False)
        for option in _options(order, six=six):
            opened.setsockopt(*option)
        if order.source:
            opened.bind((order.source, 0))
        opened.connect((str(address), 0))
        yield _Line(opened, six=six)
    except OSError as error:
        raise Failed(Reason.CONNECT, in_words(error)) from error
    finally:
        opened.close()


def _options(order: IcmpOrder, *, six: bool) -> Iterator[tuple[int, int, int]]:
    if six:
        yield socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1
        if order.lives:
            yield socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, order.lives
        return
    yield socket.IPPROTO_IP, _TTL_TOLD, 1
    if order.lives:
        yield socket.IPPROTO_IP, socket.IP_TTL, order.lives
    if order.whole:
        yield socket.IPPROTO_IP, _DISCOVER, _ONLY_WHOLE


def _socket(*, six: bool) -> socket.socket:
    family = socket.AF_INET6 if six else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, protocol)
        except PermissionError:
            continue
        except OSError as error:
            raise Failed(Reason.CONNECT, in_words(error)) from error
    raise Failed(Reason.CONNECT, NOT_ALLOWED)


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    even = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
