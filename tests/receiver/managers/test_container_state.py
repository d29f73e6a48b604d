from __future__ import annotations

import pytest

from receiver.managers.base import ProcessState, ProcessStatus
from receiver.managers.container_state import container_status

STARTED = "2026-11-21T17:43:22.130700435Z"


@pytest.mark.parametrize(
    ("status", "health", "state"),
    [
        ("running", None, ProcessState.UP),
        ("running", "none", ProcessState.UP),
        ("running", "healthy", ProcessState.UP),
        ("running", "starting", ProcessState.STARTING),
        ("running", "unhealthy", ProcessState.DOWN),
        ("restarting", None, ProcessState.STARTING),
        *((word, None, ProcessState.DOWN) for word in ("created", "paused", "exited", "dead")),
        ("removing", None, ProcessState.DOWN),
        ("exited", "healthy", ProcessState.DOWN),
        (None, None, ProcessState.DOWN),
    ],
)
def test_an_engines_words_are_ours(
    status: str | None, health: str | None, state: ProcessState
) -> None:
    assert container_status(status, health, STARTED, 7, 0).state is state


def test_one_that_is_up_says_since_when() -> None:
    found = container_status("running", None, STARTED, 7, 3)
    assert found == ProcessStatus(ProcessState.UP, 1795283002.1307, (7,), 3)


@pytest.mark.parametrize(
    ("started", "pid", "restarts"), [("soon", 0, None), (None, "7", "x"), (7, None, [])]
)
def test_what_is_not_understood_is_not_known(
    started: object, pid: object, restarts: object
) -> None:
    found = container_status("running", None, started, pid, restarts)
    assert found == ProcessStatus(ProcessState.UP)
