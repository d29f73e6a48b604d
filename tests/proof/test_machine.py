from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.machine import Machine

LONG = "PRUNELLA_CHAOS" in os.environ
SETTINGS = settings(
    max_examples=500 if LONG else 20,
    stateful_step_count=60 if LONG else 30,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


def test_whatever_happens_in_whatever_order_the_invariants_hold() -> None:
    run_state_machine_as_test(Machine, settings=SETTINGS)
