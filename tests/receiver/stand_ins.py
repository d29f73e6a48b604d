"""The outside world as plugins see it, played by hand: each part says what it was told to and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from receiver.tools import (
    MAX_BODY,
    MAX_OUTPUT,
    ActiveAlert,
    Finished,
    OutsideError,
    Response,
    Series,
    Tools,
)


class SteppedClock:
    """Time that passes only by sleeping, at once."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout: float

    def json(self) -> object:
        return json.loads(self.body or b"")


@dataclass
class StandInHttp:
    """Answers every request with `answer`, or raises it."""

    answer: Response | OutsideError | Callable[[Asked], Response | OutsideError] = field(
        default_factory=lambda: Response(200, b"ok")
    )
    asked: list[Asked] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body: int = MAX_BODY,
    ) -> Response:
        asked = Asked(method, url, dict(headers or {}), body, timeout)
        self.asked.append(asked)
        answer = self.answer(asked) if callable(self.answer) else self.answer
        if isinstance(answer, OutsideError):
            raise answer
        return Response(answer.status, answer.body[:max_body], answer.headers)


@dataclass(frozen=True, slots=True)
class Ran:
    argv: tuple[str, ...]
    timeout: float
    env: Mapping[str, str]


@dataclass
class StandInPrograms:
    """Ends every program with `ending`, or raises it."""

    ending: Finished | OutsideError | Callable[[Ran], Finished | OutsideError] = field(
        default_factory=lambda: Finished(0, "")
    )
    ran: list[Ran] = field(default_factory=list)

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> Finished:
        ran = Ran(tuple(argv), timeout, dict(env or {}))
        self.ran.append(ran)
        ending = self.ending(ran) if callable(self.ending) else self.ending
        if isinstance(ending, OutsideError):
            raise ending
        return ending


@dataclass
class StandInPrometheus:
    """Answers every query with `values`, or raises it."""

    values: tuple[float, ...] | OutsideError = ()
    asked: list[str] = field(default_factory=list)

    async def query(self, expr: str) -> tuple[float, ...]:
        self.asked.append(expr)
        if isinstance(self.values, OutsideError):
            raise self.values
        return self.values

    async def labelled(self, expr: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        return tuple(({}, value) for value in await self.query(expr))

    async def series(self, expr: str, start: float, end: float, step: float) -> tuple[Series, ...]:
        return ()


@dataclass
class StandInAlertmanager:
    """Holds `active`, or raises it."""

    active: tuple[ActiveAlert, ...] | OutsideError = ()

    async def alerts(self) -> tuple[ActiveAlert, ...]:
        if isinstance(self.active, OutsideError):
            raise self.active
        return self.active


def a_toolbox(
    *,
    clock: SteppedClock | None = None,
    http: StandInHttp | None = None,
    programs: StandInPrograms | None = None,
    prometheus: StandInPrometheus | None = None,
    alertmanager: StandInAlertmanager | None = None,
    executables: Mapping[str, str] | None = None,
) -> Tools:
    return Tools(
        clock=clock or SteppedClock(),
        http=http or StandInHttp(),
        programs=programs or StandInPrograms(),
        prometheus=prometheus,
        alertmanager=alertmanager,
        executables=executables or {},
    )
