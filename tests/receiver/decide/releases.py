"""Ledgers for tests: a release an hour, oldest first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from receiver.decide.release import Release, ReleaseState
from tests.receiver.builders import NOW

HOUR = 3600.0


def a_release(version: str = "v1", *, hours_ago: float = 1.0, **changes: Any) -> Release:
    """One that serves, proven and healthy ever since."""
    at = NOW - hours_ago * HOUR
    made = Release(
        target="api",
        version=version,
        state=ReleaseState.WATCHING,
        deployed_at=at,
        by="ci",
        finished_at=at + 10,
        proven_at=at + 10,
        healthy_since=at + 10,
    )
    return replace(made, **changes)


def a_ledger(*releases: Release) -> tuple[Release, ...]:
    """In this order, numbered, each replaced by the next one that went live."""
    numbered = [replace(one, id=number) for number, one in enumerate(releases, start=1)]
    after: float | None = None
    for place in range(len(numbered) - 1, -1, -1):
        one = numbered[place]
        if one.finished_at is not None:
            numbered[place] = replace(one, replaced_at=after)
            after = one.deployed_at
    return tuple(numbered)
