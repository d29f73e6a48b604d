"""Ledgers for tests: a release an hour, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from receiver.decide.going_back import Rollback, Tread
from receiver.decide.release import Release, ReleaseState
from receiver.decide.rollback import RollbackFacts
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


def facts(**changes: Any) -> RollbackFacts:
    """Everything speaks for it, but that there is no release yet."""
    made = RollbackFacts(
        now=NOW,
        releases=(),
        alert_began=NOW - 60,
        armed=True,
        healthy_before=True,
        enough_traffic=True,
        failing_elsewhere=False,
    )
    return replace(made, **changes)


class Book:
    """A ledger to which strides are applied as a journal does."""

    def __init__(self, releases: Sequence[Release]) -> None:
        self.releases = list(releases)
        self.rollbacks: list[Rollback] = []
        self.rows: list[dict[str, object]] = []

    def take(self, tread: Tread) -> Rollback:
        made = tread(self.releases, self.rollbacks)
        if made.row is None:
            return made.rollback
        for one in made.releases:
            if one.id:
                self.releases[one.id - 1] = one
            else:
                self.releases.append(replace(one, id=len(self.releases) + 1))
        self.rows.append(dict(made.row))
        if made.rollback.id:
            self.rollbacks[made.rollback.id - 1] = made.rollback
        else:
            self.rollbacks.append(replace(made.rollback, id=len(self.rollbacks) + 1))
        return self.rollbacks[-1]
