"""What `heal_stuck_jobs` says when it is called off between two batches; what it does is in the tests of the queues."""

from __future__ import annotations

from dataclasses import replace

import pytest

from receiver.actions.base import Done
from receiver.actions.heal_stuck_jobs import HealStuckJobs
from receiver.queues.base import Healed, QueueSystem
from receiver.targets import Target
from receiver.tools import CalledOff, Tools
from tests.receiver.actions.effects import an_effect
from tests.receiver.stand_ins import a_toolbox


class OneByOne(QueueSystem):
    """Three jobs are stuck in each queue."""

    async def heal(self, tools: Tools, queue: str, stuck_after: float, healed: Healed) -> None:
        for _ in range(3):
            tools.require_lease()
            healed.requeued += 1


async def healed(batches: int) -> Done:
    left = iter(range(batches))

    def ask() -> None:
        if next(left, None) is None:
            raise CalledOff

    target = Target.model_construct(name="jobs", queue=OneByOne(queues=("email", "video")))
    return await HealStuckJobs().run(an_effect(target), replace(a_toolbox(), require_lease=ask))


async def test_it_says_how_many_are_back_and_nothing_of_queues_it_did_not_come_to() -> None:
    done = await healed(2)
    assert (done.text, done.counts["stuckJobs"]) == ("email: 2 put back", 2)


async def test_called_off_in_the_second_queue_it_says_both() -> None:
    assert (await healed(4)).text == "email: 3 put back; video: 1 put back"


async def test_called_off_before_the_first_job_it_has_nothing_to_say() -> None:
    with pytest.raises(CalledOff):
        await healed(0)
