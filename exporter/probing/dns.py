"""One question to a name server, and whether it answers as expected."""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from exporter.probing.allowed import Gate
from exporter.probing.certificates import shown_by
from exporter.probing.contexts import Contexts, Demands
from exporter.probing.dns_message import Message, Record, message, question
from exporter.probing.outcome import Failed, NameServer, Outcome, Reason, within
from exporter.probing.patterns import Pattern
from exporter.probing.target import located
from exporter.probing.wire import connect, in_words

_LENGTH = struct.Struct("!H")


@dataclass(frozen=True, slots=True)
class Rules:
    """Of the records of one section: what none may have, what each must have, what at least one must have."""

    none: tuple[Pattern, ...] = ()
    each: tuple[Pattern, ...] = ()
    some: tuple[Pattern, ...] = ()

    def hold(self, records: Sequence[Record]) -> bool:
        texts = [record.text.encode() for record in records]
        if not texts:
            return not (self.each or self.some)
        if any(one.search(text) for one in self.none for text in texts):
            return False
        return all(one.search(text) for one in self.each for text in texts) and (
            not self.some or any(one.search(text) for one in self.some for text in texts)
        )


@dataclass(frozen=True, slots=True)
class DnsOrder:
    """Whom to ask, what, and what must come back."""

    host: str
    port: int
    gate: Gate
    timeout: float
    name: str
    kind: int
    of: int
    recurse: bool = True
    stream: bool = False  # over TCP
    encrypted: bool = False
    contexts: Contexts = field(default_factory=lambda: Contexts(Demands()))
    rcodes: Collection[int] = (0,)
    rules: tuple[Rules, Rules, Rules] = (Rules(), Rules(), Rules())
    zone: bool = False  # whether the serial of a zone is what was asked for
    prefer: str = "ip6"
    fallback: bool = True
    source: str = ""


async def probe_dns(order: DnsOrder) -> Outcome:
    """Whatever goes wrong on the way is the outcome. Raises Forbidden."""
    server = NameServer()
    outcome = Outcome(server=server)
    return await within(order.timeout, outcome, _probe(order, outcome, server))


async def _probe(order: DnsOrder, outcome: Outcome, server: NameServer) -> None:
    await located(order, outcome)
    number = secrets.randbelow(1 << 16)
    asked = question(number, order.name, order.kind, order.of, recurse=order.recurse)
    ask = _over_a_stream if order.stream else _in_a_datagram
    said = await ask(order, outcome, server, asked)
    _judge(order, outcome, server, said)


async def _over_a_stream(
    order: DnsOrder, outcome: Outcome, server: NameServer, asked: bytes
) -> Message:
    began = perf_counter()
    wire = await connect(outcome.address, order.port, order.source)
    try:
        if order.encrypted:
            context = await order.contexts.context()
            name = order.contexts.demands.server_name or order.host
            outcome.shown = shown_by(await wire.encrypt(context, name))
        server.connect = perf_counter() - began
        began = perf_counter()
        wire.send(_LENGTH.pack(len(asked)) + asked)
        while (whole := _whole(wire.buffer)) is None:
            if not await wire.more():
                raise Failed(Reason.CONNECT, "the connection was closed without an answer")
        server.request = perf_counter() - began
    finally:
        wire.close()
    return _understood(whole)


def _whole(buffer: bytearray) -> bytes | None:
    if len(buffer) < _LENGTH.size:
        return None
    end = _LENGTH.size + _LENGTH.unpack_from(buffer)[0]
    return bytes(buffer[_LENGTH.size : end]) if len(buffer) >= end else None


class _Datagrams(asyncio.DatagramProtocol):
    """The first datagram with the number of the question."""

    def __init__(self, number: bytes) -> None:
        self._number = number
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: object) -> None:
        if data.startswith(self._number) and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _in_a_datagram(
    order: DnsOrder, outcome: Outcome, server: NameServer, asked: bytes
) -> Message:
    began, loop = perf_counter(), asyncio.get_running_loop()
    try:
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: _Datagrams(asked[:2]),
            local_addr=(order.source, 0) if order.source else None,
            remote_addr=(outcome.address, order.port),
        )
    except OSError as error:
        raise Failed(Reason.CONNECT, in_words(error)) from error
    try:
        server.connect = perf_counter() - began
        began = perf_counter()
        transport.sendto(asked)
        answer = await protocol.answer
        server.request = perf_counter() - began
    except OSError as error:
        raise Failed(Reason.CONNECT, in_words(error)) from error
    finally:
        transport.close()
    return _understood(answer)


def _understood(answer: bytes) -> Message:
    try:
        return message(answer)
    except ValueError as error:
        raise Failed(Reason.BODY, str(error)) from error


def _judge(order: DnsOrder, outcome: Outcome, server: NameServer, said: Message) -> None:
    outcome.answered = True
    sections = said.answer, said.authority, said.additional
    server.answer, server.authority, server.additional = map(len, sections)
    if order.zone:
        serials = (one.serial for one in said.answer if one.serial is not None)
        server.serial = next(serials, 0)
    if said.rcode not in order.rcodes:
        outcome.fail(Reason.STATUS, f"rcode {said.rcode}")
    elif not all(rules.hold(records) for rules, records in zip(order.rules, sections, strict=True)):
        outcome.fail(Reason.BODY, "the records are not as expected")
