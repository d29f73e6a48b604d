"""The machine: CPU, memory, disks, filesystems, network, sockets, load, pressure, under node_exporter's names.

Each part stands alone: one that cannot be read costs its own series and the collector's success, nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter import portable
from exporter.collectors.base import Collected, Kind, World, ahead_of, block
from exporter.proc import devices, kernel, sockets
from exporter.proc.mounts import Filesystems, Mount, mounts
from prunella.service.settings import Duration, Settings

Part = Callable[[Path], Iterable[Metric]]
PARTS: dict[str, Part] = {
    "stat": kernel.stat,
    "memory": kernel.memory,
    "load": kernel.load,
    "system": kernel.system,
    "vmstat": kernel.vmstat,
    "descriptors": kernel.descriptors,
    "pressure": kernel.pressure,
    "disks": devices.disks,
    "network": devices.network,
    "netstat": sockets.statistics,
    "sockets": sockets.sockets,
    "packets": sockets.packets,
    "conntrack": sockets.tracked,
}


class HostOptions(Settings):
    """`procfs` and `rootfs` say where a container has the machine's /proc and / mounted."""

    procfs: Path = Path("/proc")
    rootfs: Path = Path("/")
    mount_timeout: Duration = 1.0


class Host:
    def __init__(self, options: HostOptions, _world: World) -> None:
        self._procfs = options.procfs
        self._filesystems = Filesystems(options.rootfs, options.mount_timeout)
        linux = sys.platform == "linux"
        self._parts = PARTS if linux else portable.PARTS
        self._mounts = mounts if linux else portable.mounts

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def collect(self, deadline: float) -> Collected:
        """Everything in one thread: two would wait for each other more than they would save."""
        families: list[Metric] = []
        problems: list[str] = []

        def mounted() -> Sequence[Mount]:
            found, trouble = read(self._parts, self._procfs)
            families.extend(found)
            problems.extend(trouble)
            return self._mounts(self._procfs)

        try:
            filesystems = await self._filesystems.collect(mounted, ahead_of(deadline))
        except (OSError, ValueError) as error:
            return Collected(tuple(families), (*problems, f"filesystems: {error}"))
        return Collected((*families, *filesystems), tuple(problems))

    def down(self) -> tuple[Metric, ...]:
        return ()


def read(parts: Mapping[str, Part], procfs: Path) -> tuple[list[Metric], list[str]]:
    """The families of every part that could be read, and what was wrong with the others."""
    families: list[Metric] = []
    problems = []
    for name, part in parts.items():
        try:
            families += list(part(procfs))
        except (OSError, ValueError, IndexError) as error:
            problems.append(f"{name}: {error}")
    return families, problems


HOST: Kind[HostOptions] = Kind(block(HostOptions), Host, HostOptions())
