"""The receiver's inside without its sockets: a journal in memory, a clock that is moved by hand, tools that answer as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from receiver.decide.incident import Incident
from receiver.journal import Journal, Page
from receiver.journal.sqlite import open_journal
from receiver.journal.steady import SteadyClock
from receiver.pipeline import Pipeline
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context
from receiver.stages.intake import Receipt, intake
from receiver.stages.sender import Sender
from receiver.tools import ActiveAlert, Finished, OutsideError, Response, Series, Tools

START = 1_789_949_100.0  # five minutes after the alerts below began


@dataclass
class HandClock:
    """Stands still until it is moved; `set_by` is how far somebody has set the wall clock."""

    at: float = START
    set_by: float = 0.0

    def now(self) -> float:
        return self.at + self.set_by

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class ToldPrograms:
    """Runs nothing; remembers what it was asked to run and ends as it was told to."""

    exit_code: int | None = 0
    error: OutsideError | None = None
    hangs: bool = False
    began: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = 64 * 1024,
    ) -> Finished:
        self.asked.append(tuple(argv))
        self.environments.append(dict(env or {}))
        self.began.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return Finished(self.exit_code, "said so")


@dataclass
class ToldHttp:
    """Answers every request with one status; remembers bodies."""

    status: int = 200
    error: OutsideError | None = None
    hangs: bool = False
    began: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body: int = 1 << 20,
    ) -> Response:
        self.asked.append((method, url, body or b""))
        self.began.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return Response(self.status)


@dataclass
class ToldPrometheus:
    """Answers every query with these values, or fails. The default says that an alert asked for still fires."""

    values: tuple[float, ...] = (1.0,)
    error: OutsideError | None = None
    meanwhile: Callable[[], Awaitable[object]] | None = None  # happens before it answers
    answers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # to what holds the key
    asked: list[str] = field(default_factory=list)
    history: tuple[Series, ...] = ()
    drawn: list[tuple[str, float, float, float]] = field(default_factory=list)  # `series` asked for

    async def query(self, expr: str) -> tuple[float, ...]:
        self.asked.append(expr)
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.error is not None:
            raise self.error
        return next((said for key, said in self.answers.items() if key in expr), self.values)

    async def labelled(self, expr: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        return tuple(({"service": "shop"}, value) for value in await self.query(expr))

    async def series(self, expr: str, start: float, end: float, step: float) -> tuple[Series, ...]:
        self.drawn.append((expr, start, end, step))
        if self.error is not None:
            raise self.error
        return self.history


@dataclass
class ToldAlertmanager:
    """Holds these alerts, or cannot be asked."""

    active: tuple[ActiveAlert, ...] = ()
    error: OutsideError | None = None

    async def alerts(self) -> tuple[ActiveAlert, ...]:
        if self.error is not None:
            raise self.error
        return self.active


@dataclass
class ToldSilencer:
    """Remembers what is silenced under which name, and what was; or hangs until it is let go; or fails."""

    error: OutsideError | None = None
    gate: asyncio.Event | None = None
    silenced: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def silence(
        self, each: Sequence[Sequence[tuple[str, str]]], seconds: float, about: str
    ) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.silenced.setdefault(about, []).extend(dict(matchers) for matchers in each)
        self.seconds.append(seconds)

    async def unsilence(self, about: str) -> int:
        if self.error is not None:
            raise self.error
        self.ended.append(about)
        return len(self.silenced.pop(about, []))


@dataclass
class ToldSurvivors:
    """Which processes still carry an action's id."""

    alive: tuple[int, ...] = ()
    ended: list[str] = field(default_factory=list)

    async def find(self, action_id: str) -> tuple[int, ...]:
        return self.alive

    async def end(self, action_id: str) -> None:
        self.ended.append(action_id)
        self.alive = ()


@dataclass
class Rig:
    """Everything a test moves or looks at."""

    journal: Journal
    clock: HandClock
    programs: ToldPrograms
    http: ToldHttp
    prometheus: ToldPrometheus
    survivors: ToldSurvivors
    settings: ReceiverSettings
    context: Context
    pipeline: Pipeline
    senders: dict[str, Sender] = field(default_factory=dict)

    async def deliver(self, *alerts: Mapping[str, Any], **root: str | int) -> Receipt:
        """One webhook."""
        body = json.dumps({"version": "4", "alerts": list(alerts), **root}).encode()
        return await intake(body, "alertmanager", self.context)

    async def settle(self) -> None:
        """Works off what is due at this moment, and what becomes due by it."""
        for _ in range(100):
            if not await self.pipeline.work_off():
                return
        raise AssertionError("the pipeline does not come to rest")

    async def wait(self, seconds: float, step: float = 1.0) -> None:
        """Lets time pass, working off what falls due on the way."""
        end = self.clock.at + seconds
        while self.clock.at < end:
            self.clock.at = min(end, self.clock.at + step)
            await self.settle()

    async def incident(self) -> Incident:
        """The newest one."""
        found = await self.journal.incidents(Page(limit=1))
        assert found, "there is no incident"
        return found[0]

    async def events(self, ev: str | None = None) -> list[dict[str, Any]]:
        """The journal's rows, of one kind if said."""
        rows = [json.loads(line) async for line in self.journal.export()]
        return [row for row in rows if ev in (None, row["ev"])]

    async def told(self, channel: str = "ops") -> list[dict[str, Any]]:
        """Sends what is due and returns the bodies that the channel's webhook got so far, in order."""
        sender = Sender(self.context, channel)
        while await sender.deliver_due():
            pass
        return [json.loads(body) for method, url, body in self.http.asked if url.endswith("/hook")]


CONFIG: dict[str, Any] = {
    "auth": {"webhook": [{"name": "alertmanager", "token": "t" * 32}]},
    "mode": "auto",
    "targets": {
        "shop": {"matchers": ['service="shop"'], "http": {"base_url": "http://127.0.0.1:1"}},
        "cache": {"matchers": ['service="cache"'], "http": {"base_url": "http://127.0.0.1:1"}},
    },
    "playbooks": [
        {
            "name": "errors",
            "matchers": ['alertname="HighErrorRate"'],
            "mode": "auto",
            "ladder": [
                {"name": "first", "action": "run", "argv": ["/bin/true", "first"]},
                {"name": "second", "action": "run", "argv": ["/bin/true", "second"]},
            ],
            "verify": {
                "settle": "1s",
                "within": "10s",
                "every": "2s",
                "need": 2,
                "checks": [{"http": {"path": "/health"}}],
            },
        }
    ],
    "channels": {"ops": {"kind": "webhook", "url": "http://127.0.0.1:2/hook"}},
}


def firing(service: str = "shop", **changes: Any) -> dict[str, Any]:
    """An element of `alerts` as Alertmanager writes it."""
    labels = {"alertname": "HighErrorRate", "service": service, "severity": "critical"}
    return {
        "status": "firing",
        "labels": {**labels, **changes.pop("labels", {})},
        "annotations": {"summary": "too many errors"},
        "startsAt": "2026-09-21T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": f"fp-{service}",
        **changes,
    }


def resolved(service: str = "shop", **changes: Any) -> dict[str, Any]:
    """The same, over."""
    return firing(service, **{"status": "resolved", "endsAt": "2026-09-21T00:10:00Z", **changes})


@asynccontextmanager
async def rig(
    *,
    file: Path | None = None,
    holds: ToldAlertmanager | None = None,
    silencer: ToldSilencer | None = None,
    journal: Journal | None = None,
    **changes: Any,
) -> AsyncIterator[Rig]:
    """A receiver whose config is CONFIG with top-level keys changed; `holds` is its Alertmanager."""
    settings = ReceiverSettings.model_validate({**CONFIG, **changes})
    clock, programs, http = HandClock(), ToldPrograms(), ToldHttp()
    prometheus, survivors = ToldPrometheus(), ToldSurvivors()
    steady = SteadyClock(clock)
    journal = journal or await open_journal(file, steady.now())
    tools = Tools(steady, http, programs, prometheus, alertmanager=holds, silencer=silencer)
    context = Context(journal, tools, lambda: made.settings, survivors)
    made = Rig(
        journal=journal,
        clock=clock,
        programs=programs,
        http=http,
        prometheus=prometheus,
        survivors=survivors,
        settings=settings,
        context=context,
        pipeline=Pipeline(context, "test"),
    )
    try:
        yield made
    finally:
        await journal.close()
