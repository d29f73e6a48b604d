"""Effects as the runner would hand them to an action."""

from __future__ import annotations

from receiver.actions.base import Cause, Effect
from receiver.managers.base import Manager
from receiver.targets import HttpFacet, Target


def a_target(
    *, process: Manager | None = None, base_url: str | None = None, gc_path: str | None = None
) -> Target:
    http = HttpFacet(base_url=base_url, gc_path=gc_path) if base_url else None
    return Target(name="shop", process=process, http=http)


def an_effect(
    target: Target | None = None,
    *,
    timeout: float = 60.0,
    labels: dict[str, str] | None = None,
    causes: tuple[Cause, ...] = (),
) -> Effect:
    return Effect(
        action_id="a-1",
        episode="f1@1700000000",
        step="restart",
        kind="restart",
        target=target or a_target(),
        fence=7,
        timeout=timeout,
        labels=labels or {},
        causes=causes,
    )
