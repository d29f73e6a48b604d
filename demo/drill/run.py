"""One drill from the break to the heal, or to the reason why there was none."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from demo.drill.drills import Drill
from demo.drill.loop import UNREACHABLE
from demo.drill.story import Stage, hopeless, stages
from prunella.service.clock import Clock

POLL = 0.25
CALM = 240.0  # what an earlier drill may need to be forgotten
WAITS = "AWAITING_APPROVAL"
OVER = {"RESOLVED", "EXPIRED"}


class Loop(Protocol):
    """The loop as demo.drill.loop sees it, or a stand-in for it."""

    async def shop_is_well(self) -> bool: ...

    async def break_shop(self, fault: Mapping[str, object]) -> None: ...

    async def name_of(self, release: str) -> str: ...

    async def deploy(self, release: str) -> None: ...

    async def approve(self, incident: int) -> None: ...

    async def alerts(self, service: str) -> list[dict[str, Any]]: ...

    async def value(self, query: str) -> float: ...

    async def incidents(self, target: str) -> list[dict[str, Any]]: ...

    async def incident(self, number: int) -> dict[str, Any]: ...


class NoHealError(Exception):
    """The drill did not end with a heal; the text says why."""


async def calm(drill: Drill, loop: Loop, clock: Clock, say: Callable[[str], None]) -> None:
    """Until nothing that it is about is broken, firing or open. Raises NoHealError when that does not come."""
    give_up = clock.monotonic() + CALM
    told = ""
    while trouble := await _unrest(drill, loop):
        if clock.monotonic() > give_up:
            raise NoHealError(f"cannot begin: {trouble}")
        if trouble != told:
            say(f"waiting: {trouble}")
            told = trouble
        await clock.sleep(1)


async def _unrest(drill: Drill, loop: Loop) -> str:
    if not await loop.shop_is_well():
        return "the shop is broken already"
    if alerts := await loop.alerts(drill.service):
        return f"{alerts[0]['labels']['alertname']} is {alerts[0]['state']} from before"
    if left := [i for i in await loop.incidents(drill.service) if i["state"] not in OVER]:
        return f"incident {left[0]['id']} is {left[0]['state']} from before"
    if await loop.value(drill.needs) <= 0:
        return "Prometheus has no figures of the shop yet"
    return ""


async def run(drill: Drill, loop: Loop, clock: Clock) -> AsyncIterator[Stage]:
    """Each stage as it is seen, the last one `resolved`. Raises NoHealError."""
    before = {incident["id"] for incident in await loop.incidents(drill.service)}
    name = await loop.name_of(drill.release) if drill.release else ""
    began, last = clock.now(), "broken"
    yield Stage(began, "broken", f"{name or drill.name}: {drill.about}")
    await (loop.deploy(name) if name else loop.break_shop(drill.fault))
    watch = _Watch(drill, loop, clock, before)
    while clock.now() - began < drill.deadline:
        for stage in await watch.news():
            last = stage.name
            yield stage
            if hopeless(stage):
                raise NoHealError(f"a human is called: {stage.detail}")
            if stage.name == "resolved":
                return
        await clock.sleep(POLL)
    raise NoHealError(
        f"no heal within {drill.deadline:g} s; the last stage was {last!r}. {await watch.state()}"
    )


class _Watch:
    """What has been seen so far of one drill."""

    def __init__(self, drill: Drill, loop: Loop, clock: Clock, before: set[int]) -> None:
        self._drill, self._loop, self._clock, self._before = drill, loop, clock, before
        self._firing = False
        self._told = 0
        self._incident: int | None = None

    async def news(self) -> list[Stage]:
        """Stages since the last look. A part that does not answer just now has no news."""
        seen: list[Stage] = []
        for look in (self._fire, self._heal):
            with contextlib.suppress(*UNREACHABLE):
                seen += await look()
        return seen

    async def state(self) -> str:
        """For the failure's text: how far the alert has come."""
        alerts = [a for a in await self._loop.alerts(self._drill.service) if self._expected(a)]
        seen = ", ".join(f"{a['labels']['alertname']} {a['state']}" for a in alerts)
        return f"At Prometheus: {seen or 'none of ' + ', '.join(self._drill.alerts)}"

    def _expected(self, alert: dict[str, Any]) -> bool:
        return alert["labels"]["alertname"] in self._drill.alerts

    async def _fire(self) -> list[Stage]:
        if self._firing:
            return []
        firing = [
            alert
            for alert in await self._loop.alerts(self._drill.service)
            if self._expected(alert) and alert["state"] == "firing"
        ]
        self._firing = bool(firing)
        if not firing:
            return []
        name = firing[0]["labels"]["alertname"]
        return [Stage(self._clock.now(), "firing", f'{name} {{service="{self._drill.service}"}}')]

    async def _heal(self) -> list[Stage]:
        if not self._firing or not await self._found():
            return []
        assert self._incident is not None  # noqa: S101 - narrows for mypy what _found has said
        incident = await self._loop.incident(self._incident)
        if self._drill.approved and incident.get("state") == WAITS:
            await self._loop.approve(self._incident)
        new = stages(incident)[self._told :]
        self._told += len(new)
        return new

    async def _found(self) -> bool:
        if self._incident is None:
            new = [
                i
                for i in await self._loop.incidents(self._drill.service)
                if i["id"] not in self._before
            ]
            self._incident = new[-1]["id"] if new else None
        return self._incident is not None
