"""What the proof looks at: the journal as it is exported, and what the world outside saw.

Nothing here asks the receiver what it believes. Effects are what a fake program wrote down when it ran, messages are
what a sink received, and the rest is what the test itself did.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

INFINITY = float("inf")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Effect:
    """One run of the program that really changes something, as that program wrote it down; times in unix seconds."""

    aid: str
    target: str
    kind: str
    fence: int
    began: float
    ended: float | None = None  # None: it was killed, or still runs


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a sink got it; `text` is all of it that must be the same when it is sent again."""

    channel: str
    incident: int
    event: str
    dedup: str
    at: float  # as the message itself says
    text: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One alert of a delivery, and the status that the delivery was answered with."""

    fingerprint: str
    status: str
    answer: int
    actionable: bool = True  # whether a firing must change something: it is no repeat and not stale


@dataclass(frozen=True, slots=True)
class HandsOff:
    """A stretch in which nothing may begin, or nothing on one target; `why` is for the message."""

    since: float
    until: float
    why: str
    target: str | None = None
    invariant: str = "I9"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the config promised, and what the test did; the defaults are the product's."""

    per_target: tuple[int, float] = (3, 3600.0)
    everywhere: tuple[int, float] = (10, 3600.0)
    disruptive_at_once: int = 1
    max_unhealthy_ratio: float = 0.4
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    targets: frozenset[str] | None = None  # None: not known, any plausible one will do
    own: frozenset[str] = frozenset()  # targets that are the receiver itself
    # kinds that may run again when nobody knows
    repeatable: frozenset[str] = frozenset({"restart"})
    gentle: frozenset[str] = frozenset()  # kinds that disturb nobody
    channels: frozenset[str] = frozenset()  # those that want to hear everything
    shadow: bool = False
    soon: float = 10.0  # within which a firing alert is acted on or refused
    away: Sequence[tuple[float, float]] = ()  # when no receiver ran, or its journal was gone
    accepted: Sequence[Accepted] = ()
    hands_off: Sequence[HandsOff] = ()
    steady: bool = True  # no clock was set back
    at_rest: bool = True  # nothing was under way when the evidence was taken
    until: float | None = None  # when it was taken


@dataclass(frozen=True, slots=True)
class Scene:
    """All of it, with the journal parsed."""

    lines: tuple[str, ...]
    rows: tuple[Row, ...]
    effects: tuple[Effect, ...]
    messages: tuple[Message, ...]
    terms: Terms

    def of(self, *kinds: str) -> Iterator[Row]:
        """The rows of these kinds, in order."""
        return (row for row in self.rows if row["ev"] in kinds)

    def outcomes(self) -> Mapping[str, Row]:
        """The first outcome of every action."""
        found: dict[str, Row] = {}
        for row in self.of("outcome"):
            found.setdefault(row["aid"], row)
        return found

    def stories(self) -> Mapping[int, list[Row]]:
        """The rows of each incident."""
        told: dict[int, list[Row]] = {}
        for row in self.rows:
            if isinstance(row.get("incident"), int):
                told.setdefault(row["incident"], []).append(row)
        return told

    def begun(self) -> list[Row]:
        """The intents whose effect began or may have begun."""
        outcomes = self.outcomes()
        return [row for row in self.of("intent") if not never_began(outcomes.get(row["aid"]))]

    def end(self) -> float:
        """When the evidence was taken."""
        last = max((row["t"] for row in self.rows), default=0.0)
        return last if self.terms.until is None else self.terms.until

    def present(self, since: float, until: float) -> float:
        """How many of these seconds somebody was there to act."""
        gone = (min(until, end) - max(since, begin) for begin, end in self.terms.away)
        return until - since - sum(seconds for seconds in gone if seconds > 0)


def never_began(outcome: Row | None) -> bool:
    """Whether the journal says that nothing was done."""
    return outcome is not None and (
        (outcome["result"] == "cancelled" and outcome["reason"] != "resolved")
        or outcome["reason"] == "not_started"
    )


def scene(
    lines: Iterable[str], effects: Iterable[Effect], messages: Iterable[Message], terms: Terms
) -> Scene:
    """The evidence in the order in which it came about."""
    kept = tuple(lines)
    rows = tuple(json.loads(line) for line in kept)
    ordered = tuple(sorted(effects, key=lambda effect: effect.began))
    return Scene(kept, rows, ordered, tuple(messages), terms)
