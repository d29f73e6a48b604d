from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.proc.mounts import Filesystems, Mount, mounts
from tests.exporter.proc.tree import MOUNTS, machine, write
from tests.exporter.reading import names, value
from tests.servers.process import until

ROOT = Mount("/dev/sda1", "ext4", "/", readonly=False)
FAR = Mount("nas:/data", "nfs", "/far", readonly=False)


class Disks:
    """Stands in for the kernel: `/far` may hang, `/gone` has an I/O error."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answering = threading.Event()
        self.answering.set()

    def statvfs(self, path: str) -> os.statvfs_result:
        self.asked.append(path)
        if path == "/far":
            self.answering.wait(10)
        if path == "/gone":
            raise OSError(5, "Input/output error")
        return os.statvfs_result((4096, 4096, 1000, 500, 400, 100, 60, 60, 0, 255))

    @contextmanager
    def hanging(self) -> Iterator[None]:
        self.answering.clear()
        try:
            yield
        finally:
            self.answering.set()


def test_mounts_that_store_something_are_listed_once(tmp_path: Path) -> None:
    assert mounts(machine(tmp_path)) == [
        ROOT,
        Mount("/dev/sdb1", "xfs", "/mnt/my disk", readonly=True),
    ]


def test_the_machines_mounts_come_before_our_own(tmp_path: Path) -> None:
    written = write(machine(tmp_path), {"1/mounts": MOUNTS.replace("/dev/sda1", "/dev/vda")})
    assert mounts(written)[0].device == "/dev/vda"


async def test_sizes_are_in_bytes_and_files_are_counted() -> None:
    found = await Filesystems(Path("/"), 1.0, Disks().statvfs).collect([ROOT])
    labels = {"device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/"}
    assert value(found, "node_filesystem_size_bytes", **labels) == 1000 * 4096
    assert value(found, "node_filesystem_free_bytes", **labels) == 500 * 4096
    assert value(found, "node_filesystem_avail_bytes", **labels) == 400 * 4096
    assert value(found, "node_filesystem_files", **labels) == 100
    assert value(found, "node_filesystem_files_free", **labels) == 60
    assert value(found, "node_filesystem_device_error", **labels) == 0


async def test_a_mount_of_the_host_is_read_through_its_mounted_root() -> None:
    disks = Disks()
    await Filesystems(Path("/host"), 1.0, disks.statvfs).collect([FAR])
    assert disks.asked == ["/host/far"]


async def test_a_readonly_mount_says_so() -> None:
    mount = Mount("/dev/sdb1", "xfs", "/b", readonly=True)
    found = await Filesystems(Path("/"), 1.0, Disks().statvfs).collect([mount])
    assert value(found, "node_filesystem_readonly", mountpoint="/b") == 1


async def test_a_mount_with_an_error_has_no_sizes() -> None:
    mount = Mount("/dev/sdc1", "ext4", "/gone", readonly=False)
    found = await Filesystems(Path("/"), 1.0, Disks().statvfs).collect([mount])
    assert value(found, "node_filesystem_device_error", mountpoint="/gone") == 1
    assert names(found) == {"node_filesystem_device_error", "node_filesystem_readonly"}


async def test_a_hanging_mount_costs_its_own_time_and_no_other_mounts_values() -> None:
    disks = Disks()
    with disks.hanging():
        began = time.monotonic()
        found = await Filesystems(Path("/"), 0.1, disks.statvfs).collect([FAR, ROOT])
        assert time.monotonic() - began < 5
    assert value(found, "node_filesystem_device_error", mountpoint="/far") == 1
    assert value(found, "node_filesystem_size_bytes", mountpoint="/") == 1000 * 4096


async def test_a_hanging_mount_is_left_alone_until_it_comes_back() -> None:
    disks = Disks()
    filesystems = Filesystems(Path("/"), 0.05, disks.statvfs)
    with disks.hanging():
        for _ in range(3):
            found = await filesystems.collect([FAR])
            assert value(found, "node_filesystem_device_error", mountpoint="/far") == 1
        assert disks.asked == ["/far"]

    async def back() -> bool:
        return value(await filesystems.collect([FAR]), "node_filesystem_size_bytes") is not None

    await until(back, "the mount is read again")
