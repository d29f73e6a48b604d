"""`POST /api/admin/heal`: everything that can be healed is, and the answer says how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NotRequired, TypedDict

from aiohttp import web
from pydantic import Field

from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.settings import Settings
from receiver.stages.context import Context
from receiver.stages.heal import Heal, begin_heal, wait_for
from receiver.web.begun import told_why_not
from receiver.web.bodies import read_object, validated

PATIENCE = 120.0


class HealBody(Settings):
    """What an operator asks for; `{}` is everything everywhere."""

    kind: Literal["all", "sessions", "jobs", "orphans"] = "all"
    targets: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)] | None = None


class Waits(TypedDict):
    """Of which nobody knows yet how it ends."""

    incident: int
    target: str
    reason: str


class Healed(TypedDict):
    """How much it was, and in how many milliseconds; `error` and `reason` say what failed."""

    staleSessions: int
    stuckJobs: int
    orphanedRecords: int
    duration: int
    incidents: list[int]
    waiting: list[Waits]
    error: NotRequired[str]
    reason: NotRequired[str]


class Heals:
    """The route, who is woken by it, and how long it waits."""

    def __init__(
        self, context: Context, wake: Callable[[], None], patience: float = PATIENCE
    ) -> None:
        self._context = context
        self._wake = wake
        self._patience = patience

    @describes({200: Healed, 202: Healed, 500: Healed}, refuses=(409,), takes=HealBody)
    async def ask(self, request: web.Request) -> web.Response:
        """200 with the counts once all is done, 202 with what is still waited for, 500 when some of it failed."""
        body = validated(HealBody, await read_object(request))
        by, clock = request[CLIENT] or "operator", self._context.tools.clock
        began = clock.monotonic()
        with told_why_not():
            begun = await begin_heal(body.kind, body.targets, by, self._context)
        self._wake()
        seen = await wait_for(begun, self._patience, self._context)
        return _answer(seen, clock.monotonic() - began)


def _answer(seen: Sequence[Heal], seconds: float) -> web.Response:
    healed = Counter[str]()
    for heal in seen:
        healed.update(heal.counts)
    failed = [heal for heal in seen if heal.result not in {"", "ok"}]
    waiting = [heal for heal in seen if not heal.result]
    said: Healed = {
        "staleSessions": healed["staleSessions"],
        "stuckJobs": healed["stuckJobs"],
        "orphanedRecords": healed["orphanedRecords"],
        "duration": round(seconds * 1000),
        "incidents": [heal.incident for heal in seen],
        "waiting": [
            {"incident": heal.incident, "target": heal.target, "reason": heal.reason or "running"}
            for heal in waiting
        ],
    }
    if failed:
        why = "; ".join(
            f"{heal.target} (incident {heal.incident}): {heal.detail}" for heal in failed
        )
        said["error"], said["reason"] = f"not everything was healed: {why}", "heal_failed"
        return web.json_response(said, status=500)
    return web.json_response(said, status=202 if waiting else 200)
