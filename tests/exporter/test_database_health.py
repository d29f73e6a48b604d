from __future__ import annotations

import pytest

from exporter.database_health import database_report
from exporter.postgres.pulse import Pulse
from exporter.report import Report, Status

FINE = Pulse("main", seconds=0.025, usable=100, total=10, active=3, idle=7)
SLOW = Pulse("slow", seconds=1.2, usable=100, total=10, active=3, idle=7)
GONE = Pulse("gone", problem="connection refused by 10.0.0.7 as user root")


def report(*pulses: Pulse) -> Report:
    return database_report(pulses, slow=1.0, full=0.9)


def test_the_figures_are_written_as_in_the_operators_document() -> None:
    assert report(FINE).document(1760371200.0) == {
        "status": "healthy",
        "timestamp": "2025-10-13T16:00:00.000Z",
        "query": {"responseTime": "25ms", "threshold": "1000ms", "healthy": True},
        "pool": {"total": 10, "active": 3, "idle": 7},
        "databases": [{"name": "main", "status": "healthy"}],
    }


@pytest.mark.parametrize(
    ("seconds", "total", "status"),
    [
        (1.0, 90, Status.HEALTHY),
        (1.01, 10, Status.DEGRADED),
        (0.01, 91, Status.DEGRADED),
    ],
)
def test_a_slow_query_or_a_full_pool_is_degraded(
    seconds: float, total: int, status: Status
) -> None:
    found = report(Pulse("main", seconds=seconds, usable=100, total=total))
    assert (found.status, found.code) == (status, 200)


def test_no_connection_is_unhealthy_and_nobody_is_told_where_it_leads() -> None:
    found = report(FINE, GONE)
    assert (found.status, found.code) == (Status.UNHEALTHY, 503)
    assert found.details["query"] == {
        "responseTime": None, "threshold": "1000ms", "healthy": False,
    }  # fmt: skip
    assert "10.0.0.7" not in str(found)


def test_the_one_that_is_worst_off_is_shown() -> None:
    found = report(FINE, SLOW)
    assert found.details["query"]["responseTime"] == "1200ms"
    assert found.details["databases"] == [
        {"name": "main", "status": "healthy"},
        {"name": "slow", "status": "degraded"},
    ]


def test_a_server_without_a_usable_connection_is_full() -> None:
    assert Pulse("main", usable=0, total=3).used == 1
