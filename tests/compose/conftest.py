"""The tests that need containers run where docker/compose-test has started them, and are no skipped ones elsewhere."""

from __future__ import annotations

import os

collect_ignore = []
if "PRUNELLA_COMPOSE" not in os.environ:
    collect_ignore += [
        "test_containers.py",
        "test_exporter_sources.py",
        "test_managers.py",
        "test_releases.py",
    ]
if (
    "PRUNELLA_SYSTEMD_IMAGE" not in os.environ
):  # made for an engine of our own only: systemd writes cgroups
    collect_ignore += ["test_systemd.py"]
