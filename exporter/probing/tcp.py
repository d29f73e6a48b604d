"""One probe of what does not speak HTTP: connect, and say and hear the lines that a module names."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporter.probing.allowed import Gate
from exporter.probing.certificates import shown_by
from exporter.probing.contexts import Contexts, Demands
from exporter.probing.outcome import Failed, Outcome, Reason, within
from exporter.probing.patterns import Pattern, expanded
from exporter.probing.target import located
from exporter.probing.wire import Wire, connect

_LINE = 64 * 1024  # bytes of the longest


@dataclass(frozen=True, slots=True)
class Step:
    """Wait for a line, then say one, then encrypt: each only if there is something to do."""

    expect: Pattern | None = None
    send: str = ""
    starttls: bool = False


@dataclass(frozen=True, slots=True)
class TcpOrder:
    """Where to connect to, and what to talk about."""

    host: str
    port: int
    gate: Gate
    timeout: float
    steps: tuple[Step, ...] = ()
    encrypted: bool = False
    contexts: Contexts = field(default_factory=lambda: Contexts(Demands()))
    prefer: str = "ip6"
    fallback: bool = True
    source: str = ""


async def probe_tcp(order: TcpOrder) -> Outcome:
    """Whatever goes wrong on the way is the outcome. Raises Forbidden."""
    outcome = Outcome()
    return await within(order.timeout, outcome, _probe(order, outcome))


async def _probe(order: TcpOrder, outcome: Outcome) -> None:
    await located(order, outcome)
    wire = await connect(outcome.address, order.port, order.source)
    try:
        outcome.answered = True
        if order.encrypted:
            await _encrypt(order, wire, outcome)
        for step in order.steps:
            await _take(order, step, wire, outcome)
    finally:
        wire.close()


async def _encrypt(order: TcpOrder, wire: Wire, outcome: Outcome) -> None:
    context = await order.contexts.context()
    connection = await wire.encrypt(context, order.contexts.demands.server_name or order.host)
    outcome.shown = shown_by(connection)


async def _take(order: TcpOrder, step: Step, wire: Wire, outcome: Outcome) -> None:
    send = step.send
    if step.expect is not None:
        send = await _heard(step.expect, send, wire, outcome)
    if send:
        wire.send(f"{send}\n".encode())
    if step.starttls:
        wire.buffer.clear()
        await _encrypt(order, wire, outcome)


async def _heard(wanted: Pattern, send: str, wire: Wire, outcome: Outcome) -> str:
    """Waits for a line that matches; what is to be said, with what was heard filled in."""
    outcome.by_pattern = False
    while (line := await _line(wire)) is not None:
        found = wanted.search(line)
        if found is not None:
            return expanded(send, found)
    outcome.by_pattern = True
    raise Failed(Reason.BODY, "no line was as expected")


async def _line(wire: Wire) -> bytes | None:
    """The next one without its end, also the last one that has none; None when there are no more."""
    while (end := wire.buffer.find(b"\n")) < 0:
        if len(wire.buffer) >= _LINE:
            raise Failed(Reason.BODY, "a line has no end")
        if not await wire.more():
            rest = bytes(wire.buffer)
            wire.buffer.clear()
            return rest or None
    line = bytes(wire.buffer[:end])
    del wire.buffer[: end + 1]
    return line.removesuffix(b"\r")
