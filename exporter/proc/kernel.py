"""What the kernel counts for the machine as a whole, under node_exporter's names: CPU, load, memory, pressure."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from exporter.families import counter, gauge

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
MEMORY = (
    "MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapCached", "SwapTotal",
    "SwapFree", "Active", "Inactive", "Dirty", "Writeback", "AnonPages", "Mapped", "Shmem",
    "Slab", "SReclaimable", "SUnreclaim", "KernelStack", "PageTables", "CommitLimit",
    "Committed_AS",
)  # fmt: skip
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
    for line in (procfs / "stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise ValueError(f"{procfs}/stat has no btime")


def stat(procfs: Path) -> Iterator[Metric]:
    cpus: list[tuple[str, list[float]]] = []
    for line in (procfs / "stat").read_text().splitlines():
        word, *fields = line.split()
        if word.startswith("cpu") and word != "cpu":
            cpus.append((word[3:], [int(ticks) / TICKS for ticks in fields]))
        elif word in _COUNTS:
            yield CounterMetricFamily(*_COUNTS[word], value=float(fields[0]))
        elif word in _LEVELS:
            yield GaugeMetricFamily(*_LEVELS[word], value=float(fields[0]))
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
    lines = (line.split() for line in (procfs / "meminfo").read_text().splitlines())
    kib = {fields[0].rstrip(":"): int(fields[1]) for fields in lines if len(fields) > 1}
    for field in MEMORY:
        if field in kib:
            yield GaugeMetricFamily(
                f"node_memory_{field}_bytes",
                f"Memory information field {field}_bytes.",
                value=kib[field] * 1024,
            )


def load(procfs: Path) -> Iterator[Metric]:
    averages = (procfs / "loadavg").read_text().split()
    for minutes, value in zip((1, 5, 15), averages, strict=False):
        yield GaugeMetricFamily(
            f"node_load{minutes}", f"{minutes}m load average.", value=float(value)
        )


def system(procfs: Path) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "node_time_seconds", "System time in seconds since epoch (1970).", value=time.time()
    )
    name = os.uname()
    domain = (procfs / "sys/kernel/domainname").read_text().strip()
    yield gauge(
        "node_uname_info",
        "Labeled system information as provided by the uname system call.",
        ("sysname", "release", "version", "machine", "nodename", "domainname"),
        [((name.sysname, name.release, name.version, name.machine, name.nodename, domain), 1)],
    )


def pressure(procfs: Path) -> Iterator[Metric]:
    for resource, kind, words, meaning in _PRESSURE:
        try:
            text = (procfs / "pressure" / resource).read_text()
        except FileNotFoundError:
            continue  # a kernel before 4.20, or built without it
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                continue  # built in and switched off
            raise
        total = _total(text, kind)
        if total is not None:
            yield CounterMetricFamily(
                f"node_pressure_{words}_seconds_total",
                f"Total time in seconds that {meaning}",
                value=total,
            )


def _total(text: str, kind: str) -> float | None:
    for line in text.splitlines():
        if line.startswith(f"{kind} "):
            return int(line.rpartition("total=")[2]) / 1e6
    return None
