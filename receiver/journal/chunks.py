"""Deliveries cut into pieces that are written one after the other, and what each delivery is told in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from receiver.decide.episode import Kind
from receiver.journal import QUIET, Ingested, Reception, Seen
from receiver.journal.desk import Desk, OpenIncident

CHUNK = 1000  # alerts that are read and written together


class Delivery(Struct, frozen=True):
    """What came in one POST, when, and what it meets."""

    batch: Sequence[Seen]
    now: float
    reception: Reception = QUIET


@dataclass(slots=True)
class Reply:
    """What one delivery is told, filled chunk by chunk."""

    kinds: list[Kind] = field(default_factory=list)
    opened: list[OpenIncident] = field(default_factory=list)
    resolved: int = 0
    due: bool = False
    mailed: bool = False

    @property
    def ingested(self) -> Ingested:
        """As the one who waits gets it."""
        moves = tuple(one.move for one in self.opened if one.move is not None)
        ids = tuple(one.id for one in self.opened)
        return Ingested(tuple(self.kinds), ids, self.resolved, moves, self.due, self.mailed)


@dataclass(slots=True)
class Chunk:
    """As many alerts as are read and written together, each with the delivery that it came with."""

    alerts: list[tuple[Seen, Delivery, Reply]]

    @property
    def now(self) -> float:
        """The latest moment of its deliveries."""
        return max(delivery.now for _, delivery, _ in self.alerts)

    @property
    def reception(self) -> Reception:
        """The newest one's."""
        return self.alerts[-1][1].reception

    @property
    def seen(self) -> list[Seen]:
        """Its alerts."""
        return [seen for seen, _, _ in self.alerts]

    def lie_on(self, desk: Desk) -> None:
        """Has each judged, in order."""
        for seen, delivery, reply in self.alerts:
            before = len(desk.opened)
            step = desk.take(seen, delivery.now, delivery.reception)
            reply.kinds.append(step.kind)
            reply.opened += desk.opened[before:]
            reply.resolved += step.closes

    def answer(self, desk: Desk, *, mailed: bool) -> None:
        """Tells every delivery of it whether there is something to do."""
        due = desk.due
        for _, _, reply in self.alerts:
            reply.due |= due
            reply.mailed |= mailed


def chunks(deliveries: Sequence[Delivery], replies: Sequence[Reply]) -> Iterator[Chunk]:
    """All alerts of all deliveries, in order."""
    everything = [
        (seen, delivery, reply)
        for delivery, reply in zip(deliveries, replies, strict=True)
        for seen in delivery.batch
    ]
    for start in range(0, len(everything), CHUNK):
        yield Chunk(everything[start : start + CHUNK])
