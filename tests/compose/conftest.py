"""The tests that need containers run where docker/compose-test has started them, and are no skipped ones elsewhere."""

from __future__ import annotations

import os

collect_ignore = (
    [] if "PRUNELLA_COMPOSE" in os.environ else ["test_containers.py", "test_managers.py"]
)
