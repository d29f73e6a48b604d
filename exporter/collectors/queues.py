"""Job queues of every kind under one set of names: how many wait, for how long, and whether anybody works on them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from prometheus_client.metrics_core import Metric
from pydantic import PlainValidator, SerializeAsAny, ValidationError, ValidationInfo

from exporter.collectors.base import Collected, Kind, World, ahead_of, entries
from exporter.queues import SYSTEMS
from exporter.queues.base import QueueEntry
from exporter.queues.families import Seen, families
from exporter.queues.watched import Look, Watched
from prunella.service.problems import mistake
from prunella.service.tasks import Tasks


def _entry(given: object, info: ValidationInfo) -> QueueEntry:
    """The entry as its system's model."""
    known = ", ".join(SYSTEMS)
    if not isinstance(given, Mapping) or "system" not in given:
        raise ValueError(f"needs `system`, one of {known}, and `url`")
    system = given["system"]
    if not isinstance(system, str) or system not in SYSTEMS:
        message = f"{system!r} is not one of {known}"
        raise ValidationError.from_exception_data("entry", [mistake(("system",), message)])
    return SYSTEMS[system].model_validate(given, context=info.context)


# Shown with all keys of its own kind, not only those that all kinds share.
ENTRY = Annotated[QueueEntry, PlainValidator(_entry), SerializeAsAny()]


class Queues:
    def __init__(self, options: Sequence[QueueEntry], world: World) -> None:
        self._watched = [Watched(entry, world.service, world.clock) for entry in options]
        self._tasks = Tasks(world.clock)

    async def start(self) -> None:
        for number, watched in enumerate(self._watched):
            if watched.auto:
                self._tasks.start(f"look for queues {number}", watched.keep_looking)

    async def stop(self) -> None:
        await self._tasks.stop()
        await asyncio.gather(*(watched.close() for watched in self._watched))

    async def seen(self, until: float) -> Sequence[Seen]:
        """How every entry is at this moment."""
        looks = await asyncio.gather(*(watched.look(until) for watched in self._watched))
        pairs = zip(self._watched, looks, strict=True)
        return [Seen(one.labels, one.lag, look, one.discovered) for one, look in pairs]

    async def collect(self, deadline: float) -> Collected:
        seen = await self.seen(ahead_of(deadline))
        problems = tuple(one.look.problem for one in seen if one.look.problem)
        return Collected(tuple(families(seen)), problems)

    def down(self) -> Iterable[Metric]:
        nothing = Look(answered=False)
        return families([Seen(one.labels, None, nothing) for one in self._watched])


QUEUES: Kind[Sequence[QueueEntry]] = Kind(entries(ENTRY), Queues)
