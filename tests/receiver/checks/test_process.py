from __future__ import annotations

from receiver.checks import parse_check
from receiver.checks.base import Scene
from receiver.decide.verdict import Outcome, Sample
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.stand_ins import a_toolbox


class ToldManager(Manager):
    """Says what it was told to, or cannot be asked."""

    state: ProcessState | None = ProcessState.UP

    async def status(self, tools: Tools) -> ProcessStatus:
        if self.state is None:
            raise ManagerError("the daemon does not answer")
        return ProcessStatus(self.state)


async def looked(manager: Manager | None) -> Sample:
    target = Target.model_construct(name="api", process=manager)
    return await parse_check({"process": "up"}).sample(Scene(target, ()), a_toolbox())


async def test_a_process_that_is_up_passes() -> None:
    sample = await looked(ToldManager())
    assert (sample.outcome, sample.direct) == (Outcome.PASS, True)


async def test_a_process_that_is_not_up_fails_and_says_how_it_is() -> None:
    for state in (ProcessState.STARTING, ProcessState.DOWN, ProcessState.MISSING):
        sample = await looked(ToldManager(state=state))
        assert (sample.outcome, sample.detail) == (Outcome.FAIL, f"the process is {state}")


async def test_a_manager_that_cannot_be_asked_is_no_data() -> None:
    sample = await looked(ToldManager(state=None))
    assert (sample.outcome, sample.detail) == (Outcome.NO_DATA, "the daemon does not answer")


async def test_a_target_without_a_process_is_no_data() -> None:
    assert (await looked(None)).outcome is Outcome.NO_DATA


def test_it_asks_for_the_facet_when_the_config_is_read() -> None:
    assert parse_check({"process": "up"}).needs() == "process"
