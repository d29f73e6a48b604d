"""The same figures where there is no /proc (macOS, BSD), by psutil: fewer of them, under the same names.

The package is loaded when it is asked: where there is a /proc, never.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client.metrics_core import Metric

from exporter.families import Rows, counter, gauge
from exporter.proc.details import Details
from exporter.proc.mounts import NO_TYPE, Mount
from exporter.proc.processes import Process


def _psutil() -> Any:
    return importlib.import_module("psutil")


def cpu(_procfs: Path) -> Iterator[Metric]:
    rows = [
        ((str(number), mode), seconds)
        for number, times in enumerate(_psutil().cpu_times(percpu=True))
        for mode, seconds in times._asdict().items()
        if not mode.startswith("guest")
    ]
    yield counter(
        "node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", ("cpu", "mode"), rows
    )


def memory(_procfs: Path) -> Iterator[Metric]:
    memory, swap = _psutil().virtual_memory(), _psutil().swap_memory()
    figures = {
        "MemTotal": memory.total,
        "MemFree": memory.free,
        "MemAvailable": memory.available,
        "SwapTotal": swap.total,
        "SwapFree": swap.free,
    }
    for field, value in figures.items():
        text = f"Memory information field {field}_bytes."
        yield gauge(f"node_memory_{field}_bytes", text, (), [((), value)])


def memory_of_ours(_procfs: Path) -> tuple[int, int, int]:
    machine, mine = _psutil().virtual_memory(), _psutil().Process().memory_info()
    return mine.rss, machine.total, machine.available


def load(_procfs: Path) -> Iterator[Metric]:
    for minutes, value in zip((1, 5, 15), os.getloadavg(), strict=True):
        yield gauge(f"node_load{minutes}", f"{minutes}m load average.", (), [((), value)])


def system(_procfs: Path) -> Iterator[Metric]:
    boot, now = "Node boot time, in unixtime.", "System time in seconds since epoch (1970)."
    yield gauge("node_boot_time_seconds", boot, (), [((), _psutil().boot_time())])
    yield gauge("node_time_seconds", now, (), [((), time.time())])
    name = os.uname()
    yield gauge(
        "node_uname_info",
        "Labeled system information as provided by the uname system call.",
        ("sysname", "release", "version", "machine", "nodename", "domainname"),
        [((name.sysname, name.release, name.version, name.machine, name.nodename, "(none)"), 1)],
    )


def network(_procfs: Path) -> Iterator[Metric]:
    devices = _psutil().net_io_counters(pernic=True)
    for name, field in (
        ("receive_bytes", "bytes_recv"),
        ("receive_packets", "packets_recv"),
        ("receive_errs", "errin"),
        ("receive_drop", "dropin"),
        ("transmit_bytes", "bytes_sent"),
        ("transmit_packets", "packets_sent"),
        ("transmit_errs", "errout"),
        ("transmit_drop", "dropout"),
    ):
        rows: Rows = [((device,), getattr(seen, field)) for device, seen in devices.items()]
        text = f"Network device statistic {name}."
        yield counter(f"node_network_{name}_total", text, ("device",), rows)


PARTS = {"cpu": cpu, "memory": memory, "load": load, "system": system, "network": network}


def mounts(_procfs: Path) -> list[Mount]:
    return [
        Mount(part.device, part.fstype, part.mountpoint, "ro" in part.opts.split(","))
        for part in _psutil().disk_partitions()
        if part.fstype not in NO_TYPE
    ]


def booted(_procfs: Path) -> float:
    return float(_psutil().boot_time())


_ATTRIBUTES = ["pid", "ppid", "name", "cpu_times", "memory_info", "create_time"]


def table(_procfs: Path) -> dict[int, Process]:
    """All processes; what may not be looked into counts nothing."""
    found = {}
    for process in _psutil().process_iter(_ATTRIBUTES):
        seen = process.info
        times, used = seen["cpu_times"], seen["memory_info"]
        found[process.pid] = Process(
            process.pid,
            seen["ppid"] or 0,
            times.user if times else 0.0,
            times.system if times else 0.0,
            used.rss if used else 0,
            (seen["create_time"] or 0.0) - _psutil().boot_time(),
            name=seen["name"] or "",
        )
    return found


def command_line(_procfs: Path, pid: int) -> str:
    try:
        return " ".join(_psutil().Process(pid).cmdline())
    except _psutil().Error:
        return ""


def details(_procfs: Path, pid: int) -> Details:
    """Of all that Linux tells only the descriptors."""
    try:
        held: int | None = _psutil().Process(pid).num_fds()
    except _psutil().Error:
        held = None
    return Details(None, None, None, None, None, held, None)
