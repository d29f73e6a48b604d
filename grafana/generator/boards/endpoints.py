"""What probes from outside see of every endpoint."""

from __future__ import annotations

from dataclasses import replace

from grafana.generator.board import Board, Row
from grafana.generator.boards.shared import ANSWERED, up_now
from grafana.generator.panel import Panel, Query, lines

ENDPOINTS = Board(
    "endpoints",
    "endpoints",
    "What probes from outside see of every endpoint.",
    rows=(
        Row(
            "Now",
            (
                replace(
                    up_now(
                        "Up",
                        "Whether the last probe succeeded.",
                        Query(
                            'max by (service, endpoint) (probe_success{service=~"$service"})',
                            "{{endpoint}}",
                        ),
                    ),
                    width=12,
                    height=6,
                ),
                Panel(
                    "stat",
                    "Failed in a row",
                    "Probes that failed one after the other.",
                    (
                        Query(
                            'max by (service, endpoint) (prunella_probe_consecutive_failures{service=~"$service"})',
                            "{{endpoint}}",
                        ),
                    ),
                    lines=lines("EndpointConsecutiveFailures"),
                    width=12,
                    height=6,
                ),
            ),
        ),
        Row(
            "Over time",
            (
                replace(ANSWERED, title="Success", width=24, height=7),
                Panel(
                    "timeseries",
                    "Duration",
                    "Of the last probe.",
                    (
                        Query(
                            'max by (service, endpoint) (probe_duration_seconds{service=~"$service"})',
                            "{{endpoint}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("EndpointSlow"),
                ),
                Panel(
                    "timeseries",
                    "p95 of probes",
                    "The slowest probe of twenty, over an hour.",
                    (
                        Query(
                            'histogram_quantile(0.95, sum by (service, endpoint, le) (rate(prunella_probe_latency_seconds_bucket{service=~"$service"}[1h])))',
                            "{{endpoint}}",
                        ),
                    ),
                    unit="s",
                ),
                Panel(
                    "timeseries",
                    "Phases",
                    "Where a probe spends its time: resolve, connect, tls, processing, transfer.",
                    (
                        Query(
                            'sum by (service, endpoint, phase) (probe_http_duration_seconds{service=~"$service"})',
                            "{{endpoint}} {{phase}}",
                        ),
                    ),
                    unit="s",
                    stacked=True,
                ),
                Panel(
                    "timeseries",
                    "Why probes fail",
                    "Failures in an hour by their reason.",
                    (
                        Query(
                            'sum by (service, endpoint, reason) (increase(prunella_probe_failures_total{service=~"$service"}[1h]))',
                            "{{endpoint}} {{reason}}",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Status",
                    "The status of the last answer.",
                    (
                        Query(
                            'max by (service, endpoint) (probe_http_status_code{service=~"$service"})',
                            "{{endpoint}}",
                        ),
                    ),
                    unit="none",
                ),
                Panel(
                    "bargauge",
                    "Certificates",
                    "Until the first certificate of the chain expires.",
                    (
                        Query(
                            'min by (service, endpoint) (probe_ssl_earliest_cert_expiry{service=~"$service"}) - time()',
                            "{{endpoint}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("CertificateExpiringSoon"),
                    falls=True,
                ),
            ),
        ),
    ),
)
