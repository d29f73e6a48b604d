"""What every queue system answers, so that an action need not know whose jobs they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from prunella.service.settings import Duration, Settings
from receiver.tools import Tools

# no wildcard, no separator of any of the systems' keys, nothing that a program could take for an option
_NAME = re.compile(r"[^\s:*?\[\]\\{}\x00-\x1f\x7f-][^\s:*?\[\]\\{}\x00-\x1f\x7f]{0,199}")


def _check_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("must be the name of one queue: no spaces, no colon, none of *?[]{}")
    return text


QueueName = Annotated[str, AfterValidator(_check_name)]
QueueNames = Annotated[tuple[QueueName, ...], Field(min_length=1)]


@dataclass(slots=True)
class Healed:
    """What became of the stuck jobs of one queue, counted while it happens: what is done stays done if it is stopped."""

    requeued: int = 0  # wait for a worker again
    failed: int = 0  # ended, by the queue's own limit
    dropped: int = 0  # entries of jobs that are gone; there was nothing left to run
    left: int = 0  # stuck, but not to be touched
    why_left: str = ""

    def __str__(self) -> str:
        said = [
            text
            for number, text in (
                (self.requeued, f"{self.requeued} put back"),
                (self.failed, f"{self.failed} failed by the queue's own limit"),
                (self.dropped, f"{self.dropped} entries of jobs that are gone removed"),
                (self.left, f"{self.left} left alone: {self.why_left}"),
            )
            if number
        ]
        return ", ".join(said) or self.why_left or "nothing was stuck"


@dataclass(frozen=True, slots=True)
class QueueLook:
    """One look at a queue; `stuck` counts what `heal` would look at more closely."""

    waiting: int
    active: int
    stuck: int
    paused: bool = False


class QueueSystem(Settings):
    """A queue facet: its fields are the config keys beside `system:`."""

    executable: ClassVar[str | None] = None  # the name under `executables:` that healing needs

    queues: QueueNames
    stuck_after: Annotated[Duration, Field(gt=0)] = 300.0

    @property
    def never_pauses(self) -> str | None:
        """Why none of its queues can be paused, if that is so."""
        return None

    async def look(self, tools: Tools, queue: str, stuck_after: float) -> QueueLook:
        """How the queue is now; changes nothing. Raises StoreError."""
        raise NotImplementedError

    async def heal(self, tools: Tools, queue: str, stuck_after: float, healed: Healed) -> None:
        """Deals with the jobs that nobody works on any more, by the queue's own rules. Raises StoreError.

        Counts in `healed` as it goes, asks for the lease before each batch, and says how far it came.
        """
        raise NotImplementedError

    async def pause(self, tools: Tools, queue: str) -> bool:
        """No worker takes a job from it any more; whether it was not so already. Raises StoreError."""
        raise NotImplementedError

    async def resume(self, tools: Tools, queue: str) -> bool:
        """The workers go on; whether it was paused. Raises StoreError."""
        raise NotImplementedError


def counts_of(every: Mapping[str, Healed]) -> dict[str, int]:
    """All queues together, by the names of the admin API."""
    requeued = sum(one.requeued for one in every.values())
    failed = sum(one.failed for one in every.values())
    return {
        "stuckJobs": requeued + failed,
        "requeued": requeued,
        "failed": failed,
        "dropped": sum(one.dropped for one in every.values()),
        "left": sum(one.left for one in every.values()),
    }
