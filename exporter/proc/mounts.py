"""Filesystems under node_exporter's names, so that a mount whose server is gone freezes nothing.

`statvfs` on a dead NFS mount blocks in the kernel and cannot be interrupted. The mounts are asked one after the other in
a thread that can be left behind; when one of them holds it up, the others are asked beside each other, each in a thread
of its own. A mount that does not answer in time is reported as an error and left alone until its thread comes back.
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
from exporter.proc.files import of_the_machine, shown
from exporter.threads import in_thread
from prunella.cardinality import Bounded

# node_exporter's own defaults: what is no storage of the machine.
NO_MOUNT = re.compile(
    r"/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
)
NO_TYPE = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts",
    "devtmpfs", "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "procfs",
    "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs",
})  # fmt: skip
MOST = 250  # a machine of containers may mount a thing for each; more are left out, and counted
LABELS = ("device", "fstype", "mountpoint")
_ESCAPE = re.compile(r"\\([0-7]{3})")
Statvfs = Callable[[str], os.statvfs_result]
Ask = Callable[[str], os.statvfs_result | None]
Seen = dict["Mount", os.statvfs_result | None]


@dataclass(frozen=True, slots=True)
class Mount:
    device: str
    fstype: str
    point: str
    readonly: bool

    @property
    def labels(self) -> tuple[str, str, str]:
        return shown(self.device), self.fstype, shown(self.point)


def mounts(procfs: Path) -> list[Mount]:
    """Every mounted filesystem that stores something, once."""
    found: dict[tuple[str, str, str], Mount] = {}
    bounded = Bounded("node_filesystem", MOST)
    for line in of_the_machine(procfs, "mounts").split("\n"):
        if not line:
            continue
        device, point, fstype, options, *_ = line.split(" ")
        if fstype in NO_TYPE or NO_MOUNT.match(point):
            continue
        mount = Mount(_plain(device), fstype, _plain(point), "ro" in options.split(","))
        if bounded(mount.point) == mount.point:  # sizes have no sum that would mean anything
            found.setdefault(mount.labels, mount)
    return list(found.values())


def _plain(field: str) -> str:
    """The kernel writes blanks and backslashes of a path as octal numbers."""
    return _ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), field) if "\\" in field else field


class _Walk:
    """Asks one mount after the other, in a thread that may be left behind."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.found: Sequence[Mount] | None = None
        self.seen: Seen = {}
        self.abandoned = False
        self.ended = threading.Event()

    def run(self, listed: Callable[[], Sequence[Mount]]) -> None:
        try:
            self.found = listed()
            for mount in self.found:
                if self.abandoned:
                    return
                self.seen[mount] = self._ask(mount.point)
        finally:
            self.ended.set()


class Filesystems:
    """Asks every mount at each scrape and remembers which ones hang."""

    def __init__(self, rootfs: Path, timeout: float, statvfs: Statvfs = os.statvfs) -> None:
        self._rootfs, self._timeout, self._statvfs = rootfs, timeout, statvfs
        self._hanging: dict[str, threading.Event] = {}

    async def collect(
        self, listed: Callable[[], Sequence[Mount]], until: float
    ) -> tuple[Metric, ...]:
        """The families of the mounts that `listed`, called in the thread, gives; by `until` on the loop's clock."""
        for point in [point for point, back in self._hanging.items() if back.is_set()]:
            del self._hanging[point]
        walk = _Walk(self._answer)
        done = in_thread(lambda: walk.run(listed))
        left = until - asyncio.get_running_loop().time()
        # Half of the time is kept for those that have not had their turn.
        await asyncio.wait({done}, timeout=min(self._timeout, left / 2))
        if walk.found is None or done.done():
            await done
            return _families(walk.seen)
        return _families(await self._rest(walk, walk.found, until))

    async def _rest(self, walk: _Walk, found: Sequence[Mount], until: float) -> Seen:
        walk.abandoned = True
        seen = dict(walk.seen)
        left = [mount for mount in found if mount not in seen]
        for stuck in left[:1]:
            self._hanging[stuck.point] = walk.ended
            seen[stuck] = None
        most = min(until, asyncio.get_running_loop().time() + self._timeout)
        answers = await asyncio.gather(*(self._beside(mount.point, most) for mount in left[1:]))
        return seen | dict(zip(left[1:], answers, strict=True))

    def _answer(self, point: str) -> os.statvfs_result | None:
        return None if point in self._hanging else self._ask(point)

    def _ask(self, point: str) -> os.statvfs_result | None:
        with contextlib.suppress(OSError):
            return self._statvfs(str(self._rootfs / point.lstrip("/")))
        return None

    async def _beside(self, point: str, until: float) -> os.statvfs_result | None:
        if point in self._hanging:
            return None
        back = self._hanging[point] = threading.Event()

        def ask() -> os.statvfs_result | None:
            try:
                return self._ask(point)
            finally:
                back.set()

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                return await in_thread(ask)
        return None


def _families(seen: Seen) -> tuple[Metric, ...]:
    known = [(mount.labels, figures) for mount, figures in seen.items() if figures is not None]

    def each(value: Callable[[os.statvfs_result], int]) -> Rows:
        return [(labels, value(figures)) for labels, figures in known]

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
