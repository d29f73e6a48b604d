"""Filesystems under node_exporter's names, so that a mount whose server is gone freezes nothing.

`statvfs` on a dead NFS mount blocks in the kernel and cannot be interrupted. Each mount is therefore asked in a thread
of its own; one that does not answer in time is reported as an error and left alone until its thread comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.families import Rows, gauge
from exporter.threads import in_thread

# node_exporter's own defaults: what is no storage of the machine.
NO_MOUNT = re.compile(
    r"/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
)
NO_TYPE = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts",
    "devtmpfs", "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "procfs",
    "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs",
})  # fmt: skip
LABELS = ("device", "fstype", "mountpoint")
Statvfs = Callable[[str], os.statvfs_result]
Seen = dict["Mount", os.statvfs_result | None]


@dataclass(frozen=True, slots=True)
class Mount:
    device: str
    fstype: str
    point: str
    readonly: bool

    @property
    def labels(self) -> tuple[str, str, str]:
        return self.device, self.fstype, self.point


def of_the_machine(procfs: Path, file: str) -> str:
    """A /proc file as process 1 sees it: our own may show a container's mounts and network.

    Unprivileged users may not look there, and get their own view.
    """
    try:
        return (procfs / "1" / file).read_text()
    except OSError:
        return (procfs / file).read_text()


def mounts(procfs: Path) -> list[Mount]:
    """Every mounted filesystem that stores something, once."""
    found: dict[tuple[str, str, str], Mount] = {}
    for line in of_the_machine(procfs, "mounts").splitlines():
        device, point, fstype, options, *_ = (_plain(field) for field in line.split(" "))
        if fstype in NO_TYPE or NO_MOUNT.match(point):
            continue
        mount = Mount(device, fstype, point, "ro" in options.split(","))
        found.setdefault(mount.labels, mount)
    return list(found.values())


def _plain(field: str) -> str:
    """The kernel writes blanks and backslashes of a path as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)


class Filesystems:
    """Asks every mount at each scrape and remembers which ones hang."""

    def __init__(self, rootfs: Path, timeout: float, statvfs: Statvfs = os.statvfs) -> None:
        self._rootfs, self._timeout, self._statvfs = rootfs, timeout, statvfs
        self._hanging: dict[str, threading.Event] = {}

    async def collect(self, found: Sequence[Mount]) -> tuple[Metric, ...]:
        answers = await asyncio.gather(*(self._ask(mount.point) for mount in found))
        return _families(dict(zip(found, answers, strict=True)))

    async def _ask(self, point: str) -> os.statvfs_result | None:
        before = self._hanging.get(point)
        if before is not None and before.is_set():
            del self._hanging[point]
        elif before is not None:
            return None
        done = self._hanging[point] = threading.Event()

        def ask() -> os.statvfs_result:
            try:
                return self._statvfs(str(self._rootfs / point.lstrip("/")))
            finally:
                done.set()

        with contextlib.suppress(OSError):  # TimeoutError is one
            return await asyncio.wait_for(in_thread(ask), self._timeout)
        return None


def _families(seen: Seen) -> tuple[Metric, ...]:
    known = {mount: figures for mount, figures in seen.items() if figures is not None}

    def each(value: Callable[[os.statvfs_result], int]) -> Rows:
        return [(mount.labels, value(figures)) for mount, figures in known.items()]

    return (
        _gauge("size_bytes", "Filesystem size in bytes.", each(lambda f: f.f_blocks * f.f_frsize)),
        _gauge("free_bytes", "Filesystem free space in bytes.", each(lambda f: f.f_bfree * f.f_frsize)),
        _gauge(
            "avail_bytes", "Filesystem space available to non-root users in bytes.",
            each(lambda f: f.f_bavail * f.f_frsize),
        ),
        _gauge("files", "Filesystem total file nodes.", each(lambda f: f.f_files)),
        _gauge("files_free", "Filesystem total free file nodes.", each(lambda f: f.f_ffree)),
        _gauge("readonly", "Filesystem read-only status.", [(m.labels, m.readonly) for m in seen]),
        _gauge(
            "device_error", "Whether an error occurred while getting statistics for the given device.",
            [(mount.labels, figures is None) for mount, figures in seen.items()],
        ),
    )  # fmt: skip


def _gauge(name: str, text: str, rows: Rows | Sequence[tuple[Sequence[str], bool]]) -> Metric:
    return gauge(
        f"node_filesystem_{name}", text, LABELS, ((labels, float(v)) for labels, v in rows)
    )
