from __future__ import annotations

import pytest

from receiver.managers.base import ProcessState, ProcessStatus
from receiver.managers.replicas import as_one

UP, STARTING, DOWN, MISSING = (
    ProcessState.UP,
    ProcessState.STARTING,
    ProcessState.DOWN,
    ProcessState.MISSING,
)


def test_they_are_as_young_as_the_oldest_and_count_together() -> None:
    instances = [ProcessStatus(UP, 9.0, (4,), 1), ProcessStatus(UP, 7.0, (5,), 2)]
    assert as_one(instances) == ProcessStatus(UP, 7.0, (4, 5), 3)


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ((), MISSING),
        ((UP,), UP),
        ((UP, STARTING), STARTING),
        ((UP, STARTING, DOWN), DOWN),
        ((UP, MISSING), MISSING),
        ((DOWN, MISSING), DOWN),
    ],
)
def test_all_together_are_as_well_as_the_worst(
    states: tuple[ProcessState, ...], together: ProcessState
) -> None:
    assert as_one([ProcessStatus(state) for state in states]).state is together


def test_what_is_not_all_up_has_no_start() -> None:
    assert as_one([ProcessStatus(UP, 7.0), ProcessStatus(STARTING)]).started_at is None
