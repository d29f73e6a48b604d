"""A loop that follows a script, and time that passes only when somebody waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp


@dataclass
class SteppedClock:
    seconds: float = 1000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class ScriptedLoop:
    """`rows` are journal rows of one incident with `t` in seconds after the break; the alert fires at `fires`."""

    clock: SteppedClock
    rows: list[dict[str, Any]] = field(default_factory=list)
    fires: float = 1.0
    alert: str = "HighErrorRate"
    before: list[dict[str, Any]] = field(default_factory=list)  # incidents
    well: bool = True
    figures: float = 1.0
    mute_until: float = 0.0  # the receiver does not answer before
    faults: list[Mapping[str, object]] = field(default_factory=list)
    broken_at: float | None = None
    state: str = "OPEN"  # of the incident
    deployed: list[str] = field(default_factory=list)
    approved: list[int] = field(default_factory=list)

    def _passed(self) -> float:
        return self.clock.now() - self.broken_at if self.broken_at is not None else -1

    async def shop_is_well(self) -> bool:
        return self.well

    async def break_shop(self, fault: Mapping[str, object]) -> None:
        self.faults.append(fault)
        self.broken_at = self.clock.now()

    async def name_of(self, release: str) -> str:
        return f"{release}.2"

    async def deploy(self, release: str) -> None:
        self.deployed.append(release)
        self.broken_at = self.clock.now()

    async def approve(self, incident: int) -> None:
        self.approved.append(incident)
        self.state = "RUNNING"

    async def alerts(self, service: str) -> list[dict[str, Any]]:
        if self._passed() < 0:
            return []
        state = "firing" if self._passed() >= self.fires else "pending"
        return [{"labels": {"alertname": self.alert}, "state": state}]

    async def value(self, query: str) -> float:
        return self.figures

    async def incidents(self, target: str) -> list[dict[str, Any]]:
        if 0 <= self._passed() < self.mute_until:
            raise aiohttp.ClientConnectionError
        mine = [{"id": 7, "state": self.state}] if self._rows() else []
        return [*mine, *self.before]

    async def incident(self, number: int) -> dict[str, Any]:
        return {"id": number, "playbook": "errors", "state": self.state, "timeline": self._rows()}

    def _rows(self) -> list[dict[str, Any]]:
        if self.broken_at is None:
            return []
        began = self.broken_at
        return [{**row, "t": began + row["t"]} for row in self.rows if row["t"] <= self._passed()]
