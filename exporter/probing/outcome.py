"""What one probe found."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from time import perf_counter
from typing import Any

from exporter.probing.certificates import Shown


class Reason(StrEnum):
    """Why a probe failed; each is a value of the label `reason`."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    STATUS = "status"
    BODY = "body"


class Failed(Exception):
    """A probe ends here. The text is for the log of whoever asked."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(slots=True)
class Phases:
    """Seconds of each part of an HTTP probe, summed over its redirects."""

    resolve: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    processing: float = 0.0
    transfer: float = 0.0


@dataclass(slots=True)
class Answer:
    """What an HTTP server said in the end; all 0 when it said nothing."""

    status: int = 0
    version: float = 0.0
    content_length: int = 0  # -1 when it did not say
    body_length: int = 0  # bytes that came
    redirects: int = 0
    last_modified: float | None = None


@dataclass(slots=True)
class Echo:
    """What a ping found; seconds."""

    setup: float = 0.0
    round_trip: float = 0.0
    hops_left: int | None = None  # as the answer came in


@dataclass(slots=True)
class NameServer:
    """What a name server said; seconds, and how many records."""

    connect: float = 0.0
    request: float = 0.0
    answer: int = 0
    authority: int = 0
    additional: int = 0
    serial: int | None = None  # of a zone, when it was asked for


@dataclass(slots=True)
class Serving:
    """What a gRPC server said of a service: how the call ended (gRPC's number), and its word when it answered."""

    check: float | None = None  # seconds; None when it was not asked
    status: int = 0
    said: str = ""


@dataclass(slots=True)
class Outcome:
    """Filled in as the probe goes on, so that one that is broken off has what was known by then."""

    seconds: float = 0.0
    reason: Reason | None = None
    said: str = ""  # what went wrong, in words
    answered: bool = False  # anything at all came back
    lookup: float | None = None  # seconds; None when there was no name to look up
    address: str = ""
    by_pattern: bool = False  # it failed because of what the answer says
    phases: Phases = field(default_factory=Phases)
    answer: Answer | None = None  # only for HTTP
    shown: Shown | None = None  # of the last connection, when it was encrypted
    echo: Echo | None = None  # only of a ping
    server: NameServer | None = None  # only of a name server
    serving: Serving | None = None  # only of a gRPC server

    @property
    def success(self) -> bool:
        return self.reason is None

    def fail(self, reason: Reason, said: str) -> None:
        """The first reason counts."""
        if self.reason is None:
            self.reason, self.said = reason, said


async def within(seconds: float, outcome: Outcome, probe: Coroutine[Any, Any, None]) -> Outcome:
    """The outcome after this probe, or after so many seconds of it: whatever went wrong on the way is part of it."""
    began = perf_counter()
    try:
        async with asyncio.timeout(seconds):
            await probe
    except TimeoutError:
        outcome.fail(Reason.TIMEOUT, f"not within {seconds:g}s")
    except Failed as failed:
        outcome.fail(failed.reason, str(failed))
    outcome.seconds = perf_counter() - began
    return outcome
