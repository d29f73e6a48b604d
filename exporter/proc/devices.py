"""Disks and network interfaces under node_exporter's names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.families import counter, gauge, totals
from exporter.proc.files import content, of_the_machine, shown
from prunella.cardinality import Bounded

# Partitions and things that are no disks, as node_exporter leaves them out.
NO_DISK = re.compile(r"(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
SECTOR = 512
MOST = 250  # a host of containers has an interface for each; what is more is `other`, as a sum


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a /proc table: where it stands, what it is called, and what one unit of it is."""

    position: int
    name: str
    text: str
    unit: float = 1.0
    family: Callable[..., Metric] = counter


DISK = (
    Column(3, "reads_completed_total", "The total number of reads completed successfully."),
    Column(4, "reads_merged_total", "The total number of reads merged."),
    Column(5, "read_bytes_total", "The total number of bytes read successfully.", SECTOR),
    Column(6, "read_time_seconds_total", "The total number of seconds spent by all reads.", 1e-3),
    Column(7, "writes_completed_total", "The total number of writes completed successfully."),
    Column(8, "writes_merged_total", "The number of writes merged."),
    Column(9, "written_bytes_total", "The total number of bytes written successfully.", SECTOR),
    Column(
        10, "write_time_seconds_total", "This is the total number of seconds spent by all writes.", 1e-3,
    ),
    Column(11, "io_now", "The number of I/Os currently in progress.", family=gauge),
    Column(12, "io_time_seconds_total", "Total seconds spent doing I/Os.", 1e-3),
    Column(13, "io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os.", 1e-3),
    Column(14, "discards_completed_total", "The total number of discards completed successfully."),
    Column(15, "discards_merged_total", "The total number of discards merged."),
    Column(16, "discarded_sectors_total", "The total number of sectors discarded successfully."),
    Column(
        17, "discard_time_seconds_total", "This is the total number of seconds spent by all discards.", 1e-3,
    ),
    Column(18, "flush_requests_total", "The total number of flush requests completed successfully"),
    Column(
        19, "flush_requests_time_seconds_total",
        "This is the total number of seconds spent by all flush requests.", 1e-3,
    ),
)  # fmt: skip
# In the order of the columns of /proc/net/dev, receiving before transmitting.
_RECEIVED = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
_TRANSMITTED = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")
NETWORK = tuple(
    Column(start + offset, f"{way}_{what}_total", f"Network device statistic {way}_{what}.")
    for start, way, columns in ((1, "receive", _RECEIVED), (9, "transmit", _TRANSMITTED))
    for offset, what in enumerate(columns)
)


def disks(procfs: Path) -> Iterator[Metric]:
    table = [line.split() for line in content(f"{procfs}/diskstats").splitlines()]
    rows = [(fields[2], fields) for fields in table if not NO_DISK.fullmatch(fields[2])]
    return _families("node_disk_", DISK, rows)


def network(procfs: Path) -> Iterator[Metric]:
    text = of_the_machine(procfs, "net/dev")
    split = (line.rpartition(":") for line in text.splitlines()[2:])
    rows = [(shown(name.strip()), ["", *fields.split()]) for name, _, fields in split]
    return _families("node_network_", NETWORK, rows)


def _families(
    prefix: str, columns: Sequence[Column], rows: Sequence[tuple[str, list[str]]]
) -> Iterator[Metric]:
    bounded = Bounded(prefix.rstrip("_"), MOST)
    named = [((bounded(device),), fields) for device, fields in rows]
    for column in columns:
        values = [
            (device, int(fields[column.position]) * column.unit)
            for device, fields in named
            if len(fields) > column.position
        ]
        yield column.family(
            prefix + column.name,
            column.text,
            ("device",),
            totals(values) if len(rows) > MOST else values,
        )
