from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.machine import Machine

LONG = "PRUNELLA_CHAOS" in os.environ
SETTINGS = settings(
    max_examples=500 if LONG else 15,
    stateful_step_count=60 if LONG else 30,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=tuple(Phase)
    if LONG
    else (Phase.explicit, Phase.reuse, Phase.generate),  # shrinking takes minutes
)


@pytest.mark.timeout(3600 if LONG else 120)
def test_whatever_happens_in_whatever_order_the_invariants_hold() -> None:
    run_state_machine_as_test(Machine, settings=SETTINGS)
