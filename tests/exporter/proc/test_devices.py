from __future__ import annotations

from pathlib import Path

from exporter.proc.devices import MOST, disks, network
from tests.exporter.proc.tree import NETDEV, machine, write
from tests.exporter.reading import samples, value


def test_disk_sectors_become_bytes_and_milliseconds_seconds(tmp_path: Path) -> None:
    found = list(disks(machine(tmp_path)))
    assert value(found, "node_disk_reads_completed_total", device="sda") == 10
    assert value(found, "node_disk_read_bytes_total", device="sda") == 12 * 512
    assert value(found, "node_disk_read_time_seconds_total", device="sda") == 13
    assert value(found, "node_disk_written_bytes_total", device="sda") == 16 * 512
    assert value(found, "node_disk_io_now", device="sda") == 18
    assert value(found, "node_disk_io_time_seconds_total", device="sda") == 19
    assert value(found, "node_disk_io_time_weighted_seconds_total", device="sda") == 20


def test_partitions_and_loops_are_no_disks(tmp_path: Path) -> None:
    found = samples(disks(machine(tmp_path)), "node_disk_reads_completed_total")
    assert {sample.labels["device"] for sample in found} == {"sda", "nvme0n1"}


def test_network_counts_both_ways_by_device(tmp_path: Path) -> None:
    found = list(network(machine(tmp_path)))
    assert value(found, "node_network_receive_bytes_total", device="eth0") == 5000
    assert value(found, "node_network_receive_drop_total", device="eth0") == 2
    assert value(found, "node_network_transmit_packets_total", device="eth0") == 60
    assert value(found, "node_network_transmit_errs_total", device="eth0") == 3
    assert value(found, "node_network_receive_bytes_total", device="lo") == 1000


def test_the_machines_network_comes_before_our_own(tmp_path: Path) -> None:
    written = write(machine(tmp_path), {"1/net/dev": NETDEV.replace("eth0", "host0")})
    found = list(network(written))
    assert value(found, "node_network_receive_bytes_total", device="host0") == 5000
    assert value(found, "node_network_receive_bytes_total", device="eth0") is None


def test_what_newer_kernels_count_of_a_disk_is_there_where_they_do(tmp_path: Path) -> None:
    sda = "8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15000 16 17000\n"
    found = list(disks(machine(tmp_path, diskstats=sda + "8 16 sdb 1 2 3 4 5 6 7 8 9 10 11\n")))
    assert value(found, "node_disk_discarded_sectors_total", device="sda") == 14
    assert value(found, "node_disk_flush_requests_time_seconds_total", device="sda") == 17
    assert value(found, "node_disk_flush_requests_total", device="sdb") is None


def test_more_interfaces_than_anybody_looks_at_are_other(tmp_path: Path) -> None:
    head, loopback = (
        NETDEV.splitlines(keepends=True)[:2],
        "    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n",
    )
    many = "".join(loopback.replace("lo", f"veth{number}") for number in range(MOST + 50))
    found = list(network(machine(tmp_path, **{"net/dev": "".join(head) + many})))
    assert len(samples(found, "node_network_receive_bytes_total")) == MOST + 1
    assert value(found, "node_network_receive_bytes_total", device="other") == 50
