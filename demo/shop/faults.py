"""What is broken right now.

Most of it lives in the memory of the process and nowhere else, so that a restart repairs it; what is spoiled behind the
shop is in demo.shop.backing.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web

MEBIBYTE = 1024 * 1024
LEAK_EVERY = 0.25


class Kind(StrEnum):
    """Ways to fail, as `POST /admin/fault` names them."""

    NONE = "none"
    ERRORS = "errors"
    LATENCY = "latency"
    LEAK = "leak"
    HANG = "hang"
    CRASH = "crash"
    GARBAGE = "garbage"
    POISON = "poison"
    RATELIMIT = "ratelimit"
    POOL = "pool"
    STUCK = "stuck"
    LAG = "lag"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail: every number has a default that is bad enough to be noticed."""

    kind: Kind = Kind.NONE
    share: float = 1.0  # errors: of the requests that fail
    seconds: float = 8.0  # latency: added to every request
    megabytes: float = 400.0  # leak: in the end
    per_second: float = 40.0  # leak, garbage: megabytes
    jobs: float = 900.0  # lag: letters at once; stuck: a hundredth of them kills its worker
    connections: float = 32.0  # pool: that are forgotten in a transaction


BOUNDS = {
    "share": 1.0,
    "seconds": 120.0,
    "megabytes": 4096.0,
    "per_second": 1024.0,
    "jobs": 20_000.0,
    "connections": 100.0,
}


def parse(body: str) -> Fault:
    """The body of the switch. Raises ValueError with what to write instead."""
    try:
        wanted = json.loads(body)
    except ValueError as error:
        raise ValueError("the body is not JSON") from error
    return from_mapping(wanted)


def from_mapping(wanted: object) -> Fault:
    """A fault as JSON says it. Raises ValueError with what to write instead."""
    if not isinstance(wanted, dict) or wanted.get("kind") not in list(Kind):
        raise ValueError(f'say {{"kind": …}} with one of {", ".join(Kind)}')
    numbers = {key: value for key, value in wanted.items() if key != "kind"}
    if wrong := _wrong(numbers):
        raise ValueError(wrong)
    return Fault(Kind(wanted["kind"]), **numbers)


def _wrong(numbers: Mapping[str, object]) -> str:
    for key, value in numbers.items():
        if key not in BOUNDS:
            return f"unknown key {key!r}; known are {', '.join(BOUNDS)}"
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < float(str(value)) <= BOUNDS[key]:
            return f"{key} must be a number above 0 and at most {BOUNDS[key]:g}"
    return ""


@dataclass
class Faults:
    """The switch and its effects on the business routes."""

    fault: Fault = Fault()
    hoard: list[object] = field(default_factory=list)
    leaking: asyncio.Task[None] | None = None

    def set(self, fault: Fault) -> None:
        """Breaks or mends. What a leak holds stays: only a restart gives memory back."""
        self.fault = fault
        if self.leaking is not None:
            self.leaking.cancel()
            self.leaking = None
        loop = asyncio.get_running_loop()
        if fault.kind in (Kind.LEAK, Kind.GARBAGE):
            self.leaking = loop.create_task(self._leak(fault))
        elif fault.kind is Kind.HANG:
            loop.call_later(0.1, _block)  # after the answer to the switch itself
        elif fault.kind is Kind.CRASH:
            loop.call_later(0.1, os._exit, 70)

    async def strike(self) -> None:
        """Called by a route that users need: is slow or fails if that is the fault of the day."""
        if self.fault.kind is Kind.LATENCY:
            await asyncio.sleep(self.fault.seconds)
        elif self.fault.kind is Kind.ERRORS and random.random() < self.fault.share:  # noqa: S311 - a die, not a secret
            raise web.HTTPInternalServerError(text="the database says: too many connections\n")

    @property
    def leaked(self) -> int:
        return sum(len(held) for held in self.hoard if isinstance(held, bytes))

    async def _leak(self, fault: Fault) -> None:
        while self.leaked < fault.megabytes * MEBIBYTE:
            # urandom, because pages of zeroes would never become resident
            self.hoard.append(os.urandom(int(fault.per_second * LEAK_EVERY * MEBIBYTE)))
            await asyncio.sleep(LEAK_EVERY)
        if fault.kind is Kind.GARBAGE:
            # nothing refers to it but itself, and nobody collects
            gc.disable()
            self.hoard.append(self.hoard)
            self.hoard = []

    @staticmethod
    def collect_garbage() -> int:
        """Frees what only refers to itself; how many objects that were."""
        gc.enable()
        return gc.collect()


def _block() -> None:
    """Holds the event loop for ever: no request is answered, no signal handler runs."""
    while True:
        time.sleep(3600)
