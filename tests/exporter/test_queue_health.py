from __future__ import annotations

from typing import Any

import pytest

from exporter.queue_health import queue_report
from exporter.queues.base import Figures, Lag, Recent, State
from exporter.queues.families import Seen
from exporter.queues.watched import Look
from exporter.report import Report, Status
from exporter.settings import Failures


def figures(name: str = "high-priority", **jobs: int) -> Figures:
    recent = Recent(jobs.pop("ended_well", 0), jobs.pop("ended_badly", 0))
    return Figures(name, {State(state): n for state, n in jobs.items()}, {}, recent=recent)


def seen(*queues: Figures, lag: Lag | None = None) -> Seen:
    return Seen(("bullmq", "jobs"), lag, Look(queues))


def report(*entries: Seen) -> Report:
    return queue_report(entries, Lag(), Failures())


def test_the_figures_are_written_as_in_the_operators_document() -> None:
    queue = figures(waiting=12, active=3, completed=1543, failed=2, ended_well=1110, ended_badly=2)
    assert report(seen(queue)).document(1760371200.0) == {
        "status": "healthy",
        "timestamp": "2025-10-13T16:00:00.000Z",
        "queues": [
            {"name": "high-priority", "waiting": 12, "active": 3, "completed": 1543, "failed": 2}
        ],
        "summary": {"totalJobs": 1560, "failureRate": "0.18%"},
        "thresholds": {
            "lag": {"warning": 50, "critical": 100, "current": 12},
            "failureRate": {"warning": "5.00%", "critical": "10.00%", "current": "0.18%"},
        },
    }


@pytest.mark.parametrize(
    ("jobs", "status"),
    [
        ({"waiting": 49}, Status.HEALTHY),
        ({"waiting": 50}, Status.DEGRADED),
        ({"waiting": 60, "prioritized": 39}, Status.DEGRADED),
        ({"waiting": 60, "prioritized": 40}, Status.UNHEALTHY),
        ({"delayed": 5000, "completed": 5000}, Status.HEALTHY),
        ({"ended_well": 96, "ended_badly": 4}, Status.HEALTHY),
        ({"ended_well": 95, "ended_badly": 5}, Status.DEGRADED),
        ({"ended_well": 90, "ended_badly": 10}, Status.UNHEALTHY),
        ({"failed": 1000}, Status.HEALTHY),  # long ago
    ],
)
def test_lag_and_failures_turn_it(jobs: dict[str, Any], status: Status) -> None:
    assert report(seen(figures(**jobs))).status is status


def test_a_queue_with_limits_of_its_own_is_judged_by_them() -> None:
    bulk = seen(figures("bulk", waiting=700), lag=Lag(warning=1000, critical=5000))
    assert report(bulk).status is Status.HEALTHY
    urgent = seen(figures("urgent", waiting=4), lag=Lag(warning=2, critical=9))
    assert report(bulk, urgent).status is Status.DEGRADED


def test_lag_is_that_of_the_largest_queue() -> None:
    found = report(seen(figures("a", waiting=30), figures("b", waiting=30, prioritized=1)))
    assert found.details["thresholds"]["lag"]["current"] == 31
    assert [queue["waiting"] for queue in found.details["queues"]] == [30, 31]


def test_queues_that_cannot_be_read_are_unhealthy() -> None:
    silent = Seen(("bullmq", "jobs"), None, Look(answered=False, problem="10.0.0.7 refused"))
    found = report(seen(figures()), silent)
    assert (found.status, found.code) == (Status.UNHEALTHY, 503)
    assert found.details["error"] == "bullmq: no answer"
    assert "10.0.0.7" not in str(found)
