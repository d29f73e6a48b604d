from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.collectors.base import Collected
from exporter.proc.mounts import MOST, Filesystems, Mount, mounts
from tests.exporter.proc.tree import MOUNTS, machine, write
from tests.exporter.reading import names, samples, value
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
        if path.startswith("/far"):
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


async def looked(filesystems: Filesystems, *found: Mount, seconds: float = 5.0) -> Collected:
    until = asyncio.get_running_loop().time() + seconds
    return Collected(await filesystems.collect(lambda: found, until))


def test_mounts_that_store_something_are_listed_once(tmp_path: Path) -> None:
    assert mounts(machine(tmp_path)) == [
        ROOT,
        Mount("/dev/sdb1", "xfs", "/mnt/my disk", readonly=True),
    ]


def test_the_machines_mounts_come_before_our_own(tmp_path: Path) -> None:
    written = write(machine(tmp_path), {"1/mounts": MOUNTS.replace("/dev/sda1", "/dev/vda")})
    assert mounts(written)[0].device == "/dev/vda"


def test_more_mounts_than_anybody_looks_at_are_left_out(tmp_path: Path) -> None:
    many = "".join(f"/dev/sda1 /mnt/{number} ext4 rw 0 0\n" for number in range(MOST + 50))
    found = mounts(machine(tmp_path, mounts=many))
    assert (len(found), found[0].point) == (MOST, "/mnt/0")


async def test_sizes_are_in_bytes_and_files_are_counted() -> None:
    found = await looked(Filesystems(Path("/"), 1.0, Disks().statvfs), ROOT)
    labels = {"device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/"}
    assert value(found, "node_filesystem_size_bytes", **labels) == 1000 * 4096
    assert value(found, "node_filesystem_free_bytes", **labels) == 500 * 4096
    assert value(found, "node_filesystem_avail_bytes", **labels) == 400 * 4096
    assert value(found, "node_filesystem_files", **labels) == 100
    assert value(found, "node_filesystem_files_free", **labels) == 60
    assert value(found, "node_filesystem_device_error", **labels) == 0


async def test_a_mount_of_the_host_is_read_through_its_mounted_root() -> None:
    disks = Disks()
    await looked(Filesystems(Path("/host"), 1.0, disks.statvfs), FAR)
    assert disks.asked == ["/host/far"]


async def test_a_readonly_mount_says_so() -> None:
    mount = Mount("/dev/sdb1", "xfs", "/b", readonly=True)
    found = await looked(Filesystems(Path("/"), 1.0, Disks().statvfs), mount)
    assert value(found, "node_filesystem_readonly", mountpoint="/b") == 1


async def test_a_mount_with_an_error_has_no_sizes() -> None:
    mount = Mount("/dev/sdc1", "ext4", "/gone", readonly=False)
    found = await looked(Filesystems(Path("/"), 1.0, Disks().statvfs), mount)
    assert value(found, "node_filesystem_device_error", mountpoint="/gone") == 1
    assert names(found) == {"node_filesystem_device_error", "node_filesystem_readonly"}


async def test_a_hanging_mount_costs_its_own_time_and_no_other_mounts_values() -> None:
    disks = Disks()
    with disks.hanging():
        began = time.monotonic()
        found = await looked(Filesystems(Path("/"), 0.1, disks.statvfs), FAR, ROOT)
        assert time.monotonic() - began < 5
    assert value(found, "node_filesystem_device_error", mountpoint="/far") == 1
    assert value(found, "node_filesystem_size_bytes", mountpoint="/") == 1000 * 4096


async def test_a_hanging_mount_is_left_alone_until_it_comes_back() -> None:
    disks = Disks()
    filesystems = Filesystems(Path("/"), 0.05, disks.statvfs)
    with disks.hanging():
        for _ in range(3):
            found = await looked(filesystems, FAR)
            assert value(found, "node_filesystem_device_error", mountpoint="/far") == 1
        assert disks.asked == ["/far"]

    async def back() -> bool:
        return value(await looked(filesystems, FAR), "node_filesystem_size_bytes") is not None

    await until(back, "the mount is read again")


async def test_many_mounts_of_one_dead_server_cost_their_time_together() -> None:
    disks = Disks()
    many = [Mount("nas:/data", "nfs", f"/far/{number}", readonly=False) for number in range(8)]
    with disks.hanging():
        began = time.monotonic()
        found = await looked(Filesystems(Path("/"), 0.2, disks.statvfs), *many, ROOT)
        assert time.monotonic() - began < 0.2 * 4
    assert len([one for one in samples(found, "node_filesystem_device_error") if one.value]) == 8
    assert value(found, "node_filesystem_size_bytes", mountpoint="/") == 1000 * 4096


async def test_a_hanging_mount_leaves_time_for_the_answer_of_a_short_scrape() -> None:
    disks = Disks()
    with disks.hanging():
        began = time.monotonic()
        found = await looked(Filesystems(Path("/"), 5.0, disks.statvfs), FAR, ROOT, seconds=0.3)
        assert time.monotonic() - began < 0.6
    assert value(found, "node_filesystem_size_bytes", mountpoint="/") == 1000 * 4096


def test_a_name_that_is_no_utf8_is_asked_as_it_is_and_shown_as_it_can_be(tmp_path: Path) -> None:
    root = machine(tmp_path)
    (root / "mounts").write_bytes(b"/dev/sda1 /mnt/\xff\x0d ext4 rw 0 0\n")
    (mount,) = mounts(root)
    assert os.fsencode(mount.point) == b"/mnt/\xff\x0d"
    assert mount.labels == ("/dev/sda1", "ext4", "/mnt/\ufffd\r")
