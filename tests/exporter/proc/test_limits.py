from __future__ import annotations

from pathlib import Path

from exporter.proc.limits import MemoryLimits
from tests.exporter.proc.tree import write

LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max address space         {soft:<20} unlimited            bytes
"""


def limit_of(tmp_path: Path, files: dict[str, str]) -> int | None:
    write(tmp_path, files)
    return MemoryLimits(tmp_path / "proc", tmp_path / "cgroup").of([100])


def test_a_group_of_version_two_limits_its_processes(tmp_path: Path) -> None:
    files = {"proc/100/cgroup": "0::/shop\n", "cgroup/shop/memory.max": "1000000\n"}
    assert limit_of(tmp_path, files) == 1000000


def test_the_tightest_group_on_the_way_up_counts(tmp_path: Path) -> None:
    files = {
        "proc/100/cgroup": "0::/a/b\n",
        "cgroup/a/b/memory.max": "max\n",
        "cgroup/a/memory.max": "500\n",
        "cgroup/memory.max": "900\n",
    }
    assert limit_of(tmp_path, files) == 500


def test_a_group_of_version_one_limits_its_processes(tmp_path: Path) -> None:
    files = {
        "proc/100/cgroup": "9:name=systemd:/\n4:memory:/shop\n0::/\n",
        "cgroup/memory/shop/memory.limit_in_bytes": "2000\n",
        "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    assert limit_of(tmp_path, files) == 2000


def test_a_processes_own_limit_counts_when_it_is_tighter(tmp_path: Path) -> None:
    files = {
        "proc/100/cgroup": "0::/\n",
        "cgroup/memory.max": "3000\n",
        "proc/100/limits": LIMITS.format(soft="1000"),
    }
    assert limit_of(tmp_path, files) == 1000


def test_no_limit_is_none(tmp_path: Path) -> None:
    assert limit_of(tmp_path, {"proc/100/limits": LIMITS.format(soft="unlimited")}) is None
