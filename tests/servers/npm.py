"""The packages that a package.json names, fetched from npm once into a folder of var/."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path


def installed(wanted: Path, into: Path) -> str:
    """The node that runs them. `wanted` is the package.json."""
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node is not None, "there is no node: apt-get install npm"
    assert npm is not None, "there is no npm: apt-get install npm"
    into.mkdir(parents=True, exist_ok=True)
    text, stamp = wanted.read_text(), into / ".installed"
    with (into / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        if not stamp.exists() or stamp.read_text() != text:
            (into / "package.json").write_text(text)
            argv = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts",
                    "--no-package-lock", "--prefix", str(into)]  # fmt: skip
            subprocess.run([npm, *argv], check=True, timeout=180)
            stamp.write_text(text)
    return node
