"""How much memory a process may use before something outside stops it: its control group's or its own limit."""

from __future__ import annotations

from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
NO_LIMIT = 1 << 60  # version 1 writes a huge number for "none"


def memory_limit(procfs: Path, pid: int, cgroups: Path = CGROUPS) -> int | None:
    """The tightest limit that holds for the process, None when there is none or we may not look."""
    known = [_cgroup_limit(procfs, pid, cgroups), _address_space(procfs, pid)]
    return min((limit for limit in known if limit is not None), default=None)


def _cgroup_limit(procfs: Path, pid: int, cgroups: Path) -> int | None:
    limits = []
    for line in _read(procfs / str(pid) / "cgroup").splitlines():
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
        text = _read(group / file).strip()
        if text.isdecimal() and int(text) < NO_LIMIT:
            found.append(int(text))
        if group == root:
            break
    return found


def _address_space(procfs: Path, pid: int) -> int | None:
    for line in _read(procfs / str(pid) / "limits").splitlines():
        if line.startswith("Max address space"):
            soft = line.split()[3]
            return int(soft) if soft.isdecimal() else None
    return None


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
