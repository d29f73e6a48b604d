"""The machine: CPU, memory, disks, filesystems, network, load, pressure, under node_exporter's names.

Each part stands alone: one that cannot be read costs its own series and the collector's success, nothing else.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter import portable
from exporter.collectors.base import Collected, Kind, World, block
from exporter.proc import devices, kernel
from exporter.proc.mounts import Filesystems, mounts
from exporter.threads import in_thread
from prunella.service.settings import Duration, Settings

Part = Callable[[Path], Iterable[Metric]]
PARTS: dict[str, Part] = {
    "stat": kernel.stat,
    "memory": kernel.memory,
    "load": kernel.load,
    "system": kernel.system,
    "pressure": kernel.pressure,
    "disks": devices.disks,
    "network": devices.network,
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
        (families, problems), (filesystems, trouble) = await asyncio.gather(
            in_thread(lambda: read(self._parts, self._procfs)), self._mounted()
        )
        return Collected((*families, *filesystems), (*problems, *trouble))

    async def _mounted(self) -> tuple[Sequence[Metric], list[str]]:
        try:
            found = await in_thread(lambda: self._mounts(self._procfs))
            return await self._filesystems.collect(found), []
        except (OSError, ValueError) as error:
            return (), [f"filesystems: {error}"]

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
