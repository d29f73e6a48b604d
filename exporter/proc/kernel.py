"""What the kernel counts for the machine as a whole, under node_exporter's names: CPU, load, memory, pressure."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.families import Alone, counter, gauge
from exporter.proc.files import content, numbers

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
MEMORY = (
    "MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapCached", "SwapTotal",
    "SwapFree", "Active", "Inactive", "Active(anon)", "Inactive(anon)", "Active(file)",
    "Inactive(file)", "Unevictable", "Mlocked", "Dirty", "Writeback", "WritebackTmp", "AnonPages",
    "Mapped", "Shmem", "ShmemHugePages", "ShmemPmdMapped", "AnonHugePages", "FileHugePages",
    "FilePmdMapped", "KReclaimable", "Slab", "SReclaimable", "SUnreclaim", "KernelStack",
    "PageTables", "SecPageTables", "NFS_Unstable", "Bounce", "CommitLimit", "Committed_AS",
    "VmallocTotal", "VmallocUsed", "VmallocChunk", "Percpu", "HardwareCorrupted", "Zswap",
    "Zswapped", "HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp",
    "Hugepagesize", "Hugetlb", "DirectMap4k", "DirectMap2M", "DirectMap1G",
)  # fmt: skip
VMSTAT = ("oom_kill", "pgfault", "pgmajfault", "pgpgin", "pgpgout", "pswpin", "pswpout")
_COUNTS = {
    "ctxt": ("node_context_switches_total", "Total number of context switches."),
    "intr": ("node_intr_total", "Total number of interrupts serviced."),
    "processes": ("node_forks_total", "Total number of forks."),
}
_LEVELS = {
    "btime": ("node_boot_time_seconds", "Node boot time, in unixtime."),
    "procs_running": ("node_procs_running", "Number of processes in runnable state."),
    "procs_blocked": (
        "node_procs_blocked",
        "Number of processes blocked waiting for I/O to complete.",
    ),
}
# Pressure as node_exporter says it: the file, its line, the words of the metric.
_PRESSURE = (
    ("cpu", "some", "cpu_waiting", "processes have waited for CPU time"),
    ("io", "some", "io_waiting", "processes have waited due to IO congestion"),
    ("io", "full", "io_stalled", "no process could make progress due to IO congestion"),
    ("memory", "some", "memory_waiting", "processes have waited for memory"),
    ("memory", "full", "memory_stalled", "no process could make progress due to memory congestion"),
)


def boot_time(procfs: Path) -> float:
    """When the machine started, in unix seconds; start times of processes count from it."""
    for line in content(f"{procfs}/stat").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise ValueError(f"{procfs}/stat has no btime")


def stat(procfs: Path) -> Iterator[Metric]:
    cpus: list[tuple[str, list[float]]] = []
    for line in content(f"{procfs}/stat").splitlines():
        word, _, rest = line.partition(" ")
        if word.startswith("cpu") and word != "cpu":
            cpus.append((word[3:], [int(ticks) / TICKS for ticks in rest.split()]))
        elif word in _COUNTS:  # the rest of the interrupts' line can be thousands of numbers
            yield Alone(*_COUNTS[word], "counter", float(rest.partition(" ")[0]))
        elif word in _LEVELS:
            yield Alone(*_LEVELS[word], "gauge", float(rest))
    yield from _cpu(cpus)


def _cpu(cpus: Sequence[tuple[str, list[float]]]) -> Iterator[Metric]:
    labels = ("cpu", "mode")
    yield counter(
        "node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", labels,
        [((cpu, mode), spent) for cpu, times in cpus for mode, spent in zip(MODES, times, strict=False)],
    )  # fmt: skip
    yield counter(
        "node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.", labels,
        [((cpu, mode), spent) for cpu, times in cpus for mode, spent in zip(("user", "nice"), times[8:10], strict=False)],
    )  # fmt: skip


def memory(procfs: Path) -> Iterator[Metric]:
    for line in content(f"{procfs}/meminfo").splitlines():
        field, _, rest = line.partition(":")
        if field in _MEMORY:
            number, _, unit = rest.strip().partition(" ")
            kib = 1024.0 if unit == "kB" else 1.0
            yield Alone(*_MEMORY[field], "gauge", int(number) * kib)


def memory_of_ours(procfs: Path) -> tuple[int, int, int]:
    """What this process has, the machine has, and programs could still have; bytes."""
    resident = int(content(f"{procfs}/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    lines = (line.partition(":") for line in content(f"{procfs}/meminfo").splitlines())
    kib = {field: rest.split()[0] for field, _, rest in lines}
    return resident, int(kib["MemTotal"]) * 1024, int(kib["MemAvailable"]) * 1024


def memory_name(field: str) -> str:
    """node_exporter's name for a field of /proc/meminfo; counts of pages are no bytes."""
    unit = "" if field.startswith("HugePages_") else "_bytes"
    return re.sub(r"\((.*)\)", r"_\1", field) + unit


_MEMORY = {
    field: (f"node_memory_{name}", f"Memory information field {name}.")
    for field, name in ((field, memory_name(field)) for field in MEMORY)
}


def untyped(name: str, text: str, value: float) -> Metric:
    """What node_exporter gives no type, because the kernel's list says nothing of it."""
    return Alone(name, text, "unknown", value)


def vmstat(procfs: Path) -> Iterator[Metric]:
    for field, number in numbers(content(f"{procfs}/vmstat"), VMSTAT):
        text = f"/proc/vmstat information field {field}."
        yield untyped(f"node_vmstat_{field}", text, number)


def load(procfs: Path) -> Iterator[Metric]:
    averages = content(f"{procfs}/loadavg").split()
    for minutes, value in zip((1, 5, 15), averages, strict=False):
        yield gauge(f"node_load{minutes}", f"{minutes}m load average.", (), [((), float(value))])


def system(procfs: Path) -> Iterator[Metric]:
    yield gauge(
        "node_time_seconds", "System time in seconds since epoch (1970).", (), [((), time.time())]
    )
    name = os.uname()
    domain = content(f"{procfs}/sys/kernel/domainname").strip()
    yield gauge(
        "node_uname_info",
        "Labeled system information as provided by the uname system call.",
        ("sysname", "release", "version", "machine", "nodename", "domainname"),
        [((name.sysname, name.release, name.version, name.machine, name.nodename, domain), 1)],
    )


def descriptors(procfs: Path) -> Iterator[Metric]:
    allocated, _, maximum = content(f"{procfs}/sys/fs/file-nr").split()
    for name, number in (("allocated", allocated), ("maximum", maximum)):
        text = f"File descriptor statistics: {name}."
        yield gauge(f"node_filefd_{name}", text, (), [((), float(number))])


def pressure(procfs: Path) -> Iterator[Metric]:
    texts = {resource: _pressure(procfs, resource) for resource in ("cpu", "io", "memory")}
    for resource, kind, words, meaning in _PRESSURE:
        total = _total(texts[resource], kind)
        if total is not None:
            yield counter(
                f"node_pressure_{words}_seconds_total",
                f"Total time in seconds that {meaning}",
                (),
                [((), total)],
            )


def _pressure(procfs: Path, resource: str) -> str:
    try:
        return content(f"{procfs}/pressure/{resource}")
    except FileNotFoundError:
        return ""  # a kernel before 4.20, or built without it
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return ""  # built in and switched off
        raise


def _total(text: str, kind: str) -> float | None:
    for line in text.splitlines():
        if line.startswith(f"{kind} "):
            return int(line.rpartition("total=")[2]) / 1e6
    return None
