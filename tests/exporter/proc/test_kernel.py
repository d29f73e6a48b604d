from __future__ import annotations

from pathlib import Path

import pytest

from exporter.proc import kernel
from tests.exporter.proc.tree import machine, write
from tests.exporter.reading import names, samples, value


def test_cpu_time_is_in_seconds_by_cpu_and_mode(tmp_path: Path) -> None:
    found = list(kernel.stat(machine(tmp_path)))
    assert value(found, "node_cpu_seconds_total", cpu="0", mode="user") == 1.0
    assert value(found, "node_cpu_seconds_total", cpu="1", mode="idle") == 5.0
    assert len(samples(found, "node_cpu_seconds_total")) == 2 * 8


def test_guest_time_stands_apart(tmp_path: Path) -> None:
    found = list(kernel.stat(machine(tmp_path)))
    assert value(found, "node_cpu_guest_seconds_total", cpu="0", mode="user") == 0.3


def test_the_kernels_counts_have_node_exporters_names(tmp_path: Path) -> None:
    found = list(kernel.stat(machine(tmp_path)))
    assert value(found, "node_context_switches_total") == 7000
    assert value(found, "node_intr_total") == 5000
    assert value(found, "node_forks_total") == 42
    assert value(found, "node_boot_time_seconds") == 1700000000
    assert value(found, "node_procs_running") == 3


def test_memory_is_in_bytes(tmp_path: Path) -> None:
    found = list(kernel.memory(machine(tmp_path)))
    assert value(found, "node_memory_MemTotal_bytes") == 16000000 * 1024
    assert value(found, "node_memory_MemAvailable_bytes") == 8000000 * 1024


def test_a_memory_field_that_this_kernel_lacks_is_left_out(tmp_path: Path) -> None:
    found = list(kernel.memory(machine(tmp_path, meminfo="MemTotal: 1 kB\n")))
    assert names(found) == {"node_memory_MemTotal_bytes"}


def test_load_is_of_one_five_and_fifteen_minutes(tmp_path: Path) -> None:
    found = list(kernel.load(machine(tmp_path)))
    assert [value(found, f"node_load{minutes}") for minutes in (1, 5, 15)] == [0.5, 0.25, 0.1]


def test_the_system_names_itself(tmp_path: Path) -> None:
    (info,) = samples(kernel.system(machine(tmp_path)), "node_uname_info")
    assert info.labels["domainname"] == "(none)"
    assert info.labels["nodename"]


def test_pressure_is_in_seconds(tmp_path: Path) -> None:
    text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0 avg60=0 avg300=0 total=500000\n"
    found = list(kernel.pressure(write(tmp_path, {"pressure/io": text})))
    assert value(found, "node_pressure_io_waiting_seconds_total") == 2.5
    assert value(found, "node_pressure_io_stalled_seconds_total") == 0.5


def test_a_kernel_without_pressure_is_no_error(tmp_path: Path) -> None:
    assert list(kernel.pressure(tmp_path)) == []


def test_a_pressure_file_without_the_line_gives_no_value(tmp_path: Path) -> None:
    written = write(tmp_path, {"pressure/memory": "some avg10=0.00 total=1\n"})
    assert names(kernel.pressure(written)) == {"node_pressure_memory_waiting_seconds_total"}


def test_the_boot_time_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no btime"):
        kernel.boot_time(write(tmp_path, {"stat": "cpu 1\n"}))


def test_pages_of_huge_memory_are_counts_and_brackets_part_of_a_name(tmp_path: Path) -> None:
    text = "HugePages_Total: 3\nHugepagesize: 2048 kB\nActive(anon): 5 kB\n"
    found = list(kernel.memory(machine(tmp_path, meminfo=text)))
    assert value(found, "node_memory_HugePages_Total") == 3
    assert value(found, "node_memory_Hugepagesize_bytes") == 2048 * 1024
    assert value(found, "node_memory_Active_anon_bytes") == 5 * 1024


def test_what_the_kernel_had_to_kill_for_memory_is_counted(tmp_path: Path) -> None:
    found = list(kernel.vmstat(machine(tmp_path)))
    assert value(found, "node_vmstat_oom_kill") == 2
    assert {family.type for family in found} == {"unknown"}  # node_exporter's own word: untyped


def test_descriptors_of_the_machine_stand_beside_their_limit(tmp_path: Path) -> None:
    found = list(kernel.descriptors(machine(tmp_path)))
    assert value(found, "node_filefd_allocated") == 960
    assert value(found, "node_filefd_maximum") == 1000000
