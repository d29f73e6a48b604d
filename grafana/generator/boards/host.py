"""Machines in node_exporter's names, and the processes that run on them."""

from __future__ import annotations

from dataclasses import replace

from grafana.generator.board import Board, Row
from grafana.generator.boards.shared import CPU, MEMORY, up_over_time
from grafana.generator.panel import Panel, Query, lines

HOST = Board(
    "host",
    "host and processes",
    "Machines in node_exporter's names, and the processes that run on them.",
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "bargauge",
                    "Memory",
                    "In use.",
                    (
                        Query(
                            'instance:node_memory:used_ratio{service=~"$service",instance=~"$instance"}',
                            "{{instance}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("HostMemoryHigh"),
                    most=1.0,
                    width=6,
                    height=6,
                ),
                Panel(
                    "bargauge",
                    "Processors",
                    "Busy over five minutes.",
                    (
                        Query(
                            'instance:node_cpu:used_ratio_rate5m{service=~"$service",instance=~"$instance"}',
                            "{{instance}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("HostCpuHigh"),
                    most=1.0,
                    width=6,
                    height=6,
                ),
                Panel(
                    "bargauge",
                    "Disks",
                    "How full each one is.",
                    (
                        Query(
                            'instance_mountpoint:node_filesystem:used_ratio{service=~"$service",instance=~"$instance"}',
                            "{{instance}} {{mountpoint}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("DiskUsageHigh"),
                    most=1.0,
                    width=6,
                    height=6,
                ),
                Panel(
                    "stat",
                    "Load",
                    "Over five minutes, for each processor.",
                    (
                        Query(
                            'max by (instance) (node_load5{service=~"$service",instance=~"$instance"}) / on (instance) count by (instance) (rate(node_cpu_seconds_total{mode="idle",service=~"$service",instance=~"$instance"}[5m]))',
                            "{{instance}}",
                        ),
                    ),
                    lines=[(1, "orange"), (2, "red")],
                    width=6,
                    height=6,
                ),
            ),
        ),
        Row(
            "Machine",
            (
                Panel(
                    "timeseries",
                    "Processors by mode",
                    "Of all of them together.",
                    (
                        Query(
                            'avg by (instance, mode) (rate(node_cpu_seconds_total{service=~"$service",instance=~"$instance",mode!="idle"}[$__rate_interval]))',
                            "{{instance}} {{mode}}",
                        ),
                    ),
                    unit="percentunit",
                    stacked=True,
                ),
                Panel(
                    "timeseries",
                    "Memory over time",
                    "Available and in all.",
                    (
                        Query(
                            'max by (instance) (node_memory_MemTotal_bytes{service=~"$service",instance=~"$instance"})',
                            "{{instance}} in all",
                        ),
                        Query(
                            'max by (instance) (node_memory_MemAvailable_bytes{service=~"$service",instance=~"$instance"})',
                            "{{instance}} available",
                        ),
                    ),
                    unit="bytes",
                ),
                Panel(
                    "timeseries",
                    "Pressure",
                    "The share of time in which something waited for processors, memory or disks.",
                    (
                        Query(
                            'max by (instance) (rate(node_pressure_cpu_waiting_seconds_total{service=~"$service",instance=~"$instance"}[$__rate_interval]))',
                            "{{instance}} cpu",
                        ),
                        Query(
                            'max by (instance) (rate(node_pressure_io_waiting_seconds_total{service=~"$service",instance=~"$instance"}[$__rate_interval]))',
                            "{{instance}} io",
                        ),
                        Query(
                            'max by (instance) (rate(node_pressure_memory_waiting_seconds_total{service=~"$service",instance=~"$instance"}[$__rate_interval]))',
                            "{{instance}} memory",
                        ),
                    ),
                    unit="percentunit",
                ),
                Panel(
                    "timeseries",
                    "Network",
                    "Bytes a second.",
                    (
                        Query(
                            'sum by (instance) (rate(node_network_receive_bytes_total{service=~"$service",instance=~"$instance",device!~"lo|veth.*|docker.*|br-.*"}[$__rate_interval]))',
                            "{{instance}} in",
                        ),
                        Query(
                            'sum by (instance) (rate(node_network_transmit_bytes_total{service=~"$service",instance=~"$instance",device!~"lo|veth.*|docker.*|br-.*"}[$__rate_interval]))',
                            "{{instance}} out",
                        ),
                    ),
                    unit="Bps",
                ),
                Panel(
                    "timeseries",
                    "Disk traffic",
                    "Bytes a second.",
                    (
                        Query(
                            'sum by (instance) (rate(node_disk_read_bytes_total{service=~"$service",instance=~"$instance"}[$__rate_interval]))',
                            "{{instance}} read",
                        ),
                        Query(
                            'sum by (instance) (rate(node_disk_written_bytes_total{service=~"$service",instance=~"$instance"}[$__rate_interval]))',
                            "{{instance}} written",
                        ),
                    ),
                    unit="Bps",
                ),
                Panel(
                    "timeseries",
                    "Disks in four hours",
                    "How full each one will be at the rate of the last six hours; at 100 % it is.",
                    (
                        Query(
                            'predict_linear(instance_mountpoint:node_filesystem:used_ratio{service=~"$service"}[6h], 14400)',
                            "{{instance}} {{mountpoint}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=[(1, "red")],
                ),
            ),
        ),
        Row(
            "What runs on it",
            (
                up_over_time(
                    "Processes",
                    "Red is when the manager said that it was down.",
                    Query(
                        'max by (service, name) (prunella_process_up{service=~"$service"})',
                        "{{name}}",
                    ),
                ),
                replace(MEMORY, title="Memory of each", about="Of the limit that it has."),
                Panel(
                    "timeseries",
                    "Resident memory",
                    "Of each process.",
                    (
                        Query(
                            'max by (service, name) (prunella_process_resident_memory_bytes{service=~"$service"})',
                            "{{name}}",
                        ),
                    ),
                    unit="bytes",
                ),
                replace(CPU, title="CPU of each", about="Processors in use."),
                Panel(
                    "timeseries",
                    "Restarts",
                    "Within an hour.",
                    (
                        Query(
                            'sum by (service, name) (increase(prunella_process_restarts_total{service=~"$service"}[1h]))',
                            "{{name}}",
                        ),
                    ),
                    lines=lines("ProcessRestartLoop"),
                ),
                Panel(
                    "timeseries",
                    "Open files",
                    "Of each process.",
                    (
                        Query(
                            'max by (service, name) (prunella_process_open_fds{service=~"$service"})',
                            "{{name}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
