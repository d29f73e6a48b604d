from __future__ import annotations

from receiver.checks import parse_check
from receiver.checks.base import Scene
from receiver.decide.verdict import Outcome
from receiver.queues.base import QueueLook, QueueSystem
from receiver.stores.base import StoreError
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.stand_ins import a_toolbox


class Seen(QueueSystem):
    """Looks as it was told; `away` is nobody at home."""

    stuck: int = 0
    away: bool = False

    async def look(self, tools: Tools, queue: str, stuck_after: float) -> QueueLook:
        if self.away:
            raise StoreError("cannot reach Redis", started=False)
        return QueueLook(waiting=3, active=2, stuck=self.stuck if queue == "pdf" else 0)


async def sample(state: str, *, stuck: int = 0, away: bool = False) -> tuple[Outcome, str]:
    queue = Seen(queues=("email", "pdf"), stuck=stuck, away=away)
    scene = Scene(Target(name="jobs", queue=queue), ())
    seen = await parse_check({"queue": state}).sample(scene, a_toolbox())
    return seen.outcome, seen.detail


async def test_a_queue_that_can_be_asked_is_reachable() -> None:
    outcome, said = await sample("reachable", stuck=1)
    assert outcome is Outcome.PASS
    assert said == "email: 3 waiting, 2 active, 0 stuck; pdf: 3 waiting, 2 active, 1 stuck"


async def test_unstuck_is_only_where_no_job_of_any_queue_is_stuck() -> None:
    assert (await sample("unstuck"))[0] is Outcome.PASS
    assert (await sample("unstuck", stuck=1))[0] is Outcome.FAIL


async def test_who_cannot_be_asked_proves_nothing() -> None:
    for state in ("reachable", "unstuck"):
        assert await sample(state, away=True) == (Outcome.NO_DATA, "email: cannot reach Redis")
