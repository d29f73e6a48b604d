"""The programs that the receiver starts, as they are on the engine's machine."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import which


def a_docker(folder: Path) -> str:
    """The program with the plugins that docker/compose-test may have put into a folder of its own."""
    config = os.environ.get("DOCKER_CONFIG", "")
    wrapper = folder / "docker"
    wrapper.write_text(f'#!/bin/sh\nexport DOCKER_CONFIG="{config}"\nexec {which("docker")} "$@"\n')
    wrapper.chmod(0o755)
    return str(wrapper)
