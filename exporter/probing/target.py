"""The addresses of a probe's target that it may connect to.

Where a network is allowed, a name is looked up to see whether it lies there, and whoever can reach `/probe` may ask about
any name. So of a name that no rule names, it is told only whether it may be probed: that there is none, that it is
elsewhere and that nobody knows are one refusal, at one time after it was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Protocol

from exporter.probing.allowed import Forbidden, Gate, refusal
from exporter.probing.outcome import Failed, Outcome
from exporter.probing.resolver import Address, addresses, chosen, literal

# seconds until such a name is refused; half of the time of a probe that has less than two
_AFTER = 1.0


class Order(Protocol):
    """What every probe of one host and one address says of it."""

    @property
    def host(self) -> str: ...

    @property
    def gate(self) -> Gate: ...

    @property
    def timeout(self) -> float: ...

    @property
    def prefer(self) -> str: ...

    @property
    def fallback(self) -> bool: ...


async def located(order: Order, outcome: Outcome) -> Address:
    """The one to ask; it and how long it took to find are part of the outcome. Raises Forbidden, Failed."""
    began = perf_counter()
    try:
        (address,) = await allowed(
            order.host, order.gate, order.timeout, order.prefer, fallback=order.fallback
        )
    finally:
        outcome.lookup = perf_counter() - began
    outcome.address = str(address)
    return address


async def allowed(
    host: str, gate: Gate, seconds: float, prefer: str = "", *, fallback: bool = True
) -> Sequence[Address]:
    """In the order of preference; with `prefer` one at most. Raises Forbidden, Failed."""
    gate.admit(host)
    if literal(host) is None and not gate.names(host):
        return await _unless_it_is_nobodys_business(host, gate, seconds, prefer, fallback=fallback)
    return await _checked(host, gate, prefer, fallback=fallback)


async def _checked(host: str, gate: Gate, prefer: str, *, fallback: bool) -> Sequence[Address]:
    found = await addresses(host)
    wanted = chosen(found, prefer, fallback) if prefer else found
    for address in wanted:
        gate.check(host, address)
    return wanted


async def _unless_it_is_nobodys_business(
    host: str, gate: Gate, seconds: float, prefer: str, *, fallback: bool
) -> Sequence[Address]:
    until = asyncio.get_running_loop().time() + min(_AFTER, seconds / 2)
    try:
        async with asyncio.timeout_at(until):
            return await _checked(host, gate, prefer, fallback=fallback)
    except (Failed, Forbidden, TimeoutError):
        await asyncio.sleep(until - asyncio.get_running_loop().time())
        raise refusal(host) from None
