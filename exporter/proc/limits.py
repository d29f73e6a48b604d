"""How much memory a process may use before something outside stops it: its control group's or its own limit."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from exporter.proc.files import content, record

CGROUPS = Path("/sys/fs/cgroup")
NO_LIMIT = 1 << 60  # version 1 writes a huge number for "none"
_THIS_MACHINE = Path("/proc")
_ADDRESS_SPACE = re.compile(r"^Max address space\s+(\d+)", re.MULTILINE)


class MemoryLimits:
    """Those of one moment: processes of one control group share its limits, which are read once."""

    def __init__(self, procfs: Path, cgroups: Path = CGROUPS) -> None:
        self._procfs, self._cgroups = procfs, cgroups
        self._known: dict[str, int | None] = {}

    def of(self, pids: Iterable[int]) -> int | None:
        """The tightest limit that holds for one of them, None when there is none or we may not look."""
        found = [limit for pid in pids for limit in (self._group(pid), self._own(pid))]
        return min((limit for limit in found if limit is not None), default=None)

    def _group(self, pid: int) -> int | None:
        groups = record(f"{self._procfs}/{pid}/cgroup").decode(errors="surrogateescape")
        if groups not in self._known:
            self._known[groups] = _tightest(groups, self._cgroups)
        return self._known[groups]

    def _own(self, pid: int) -> int | None:
        if sys.platform == "linux" and self._procfs == _THIS_MACHINE:
            # Of other users' processes only the file tells us.
            with contextlib.suppress(OSError):
                soft = resource.prlimit(pid, resource.RLIMIT_AS)[0]
                return soft if soft != resource.RLIM_INFINITY else None
        found = _ADDRESS_SPACE.search(_read(f"{self._procfs}/{pid}/limits"))
        return int(found[1]) if found else None


def _tightest(groups: str, cgroups: Path) -> int | None:
    limits: list[int] = []
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            limits += _up(cgroups, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _up(cgroups / "memory", path, "memory.limit_in_bytes")
    return min(limits, default=None)


def _up(root: Path, path: str, file: str) -> list[int]:
    """The limits from the group up to the root: each of them holds."""
    folder = root / path.lstrip("/")
    found = []
    for group in (folder, *folder.parents):
        text = _read(f"{group}/{file}").strip()
        if text.isdecimal() and int(text) < NO_LIMIT:
            found.append(int(text))
        if group == root:
            break
    return found


def _read(file: str) -> str:
    try:
        return content(file)
    except OSError:
        return ""
