"""The tests that need containers run where docker/compose-test has started them, and are no skipped ones elsewhere."""

from __future__ import annotations

import os

SINGLE = ["test_containers.py", "test_exporter_sources.py", "test_managers.py", "test_releases.py"]
PAIR = ["test_pair.py"]
started = os.environ.get("PRUNELLA_COMPOSE")  # the profile
collect_ignore = [*(SINGLE if started != "single" else ()), *(PAIR if started != "ha" else ())]
# made for an engine of our own only: systemd writes cgroups
if started != "single" or "PRUNELLA_SYSTEMD_IMAGE" not in os.environ:
    collect_ignore += ["test_systemd.py"]
# the same with either profile
if started == "ha":
    collect_ignore += ["test_shipped_file.py"]
