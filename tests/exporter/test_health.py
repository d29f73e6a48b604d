from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil
import pytest

from exporter import portable
from exporter.health import Checks, Memory, app_report, read_memory
from exporter.report import Report, Status
from prunella.service.clock import SystemClock

GIB, MIB = 1 << 30, 1 << 20
HALF_FULL = Memory(resident=int(150.23 * MIB), total=16 * GIB, free=int(8.5 * GIB))


def checks(memory: Memory) -> Checks:
    return Checks(SystemClock(), 0.9, lambda: memory)


def test_the_figures_are_written_as_in_the_operators_document() -> None:
    report = app_report(3600.0, HALF_FULL, 0.9)
    assert report.document(1760371200.0) == {
        "status": "healthy",
        "timestamp": "2025-10-13T16:00:00.000Z",
        "uptime": {"ms": 3600000, "seconds": 3600, "minutes": 60, "hours": 1},
        "memory": {
            "process": {"rss": "150.23 MB"},
            "system": {"total": "16.00 GB", "free": "8.50 GB", "usagePercent": "46.88"},
        },
    }


@pytest.mark.parametrize(
    ("free", "status", "code"),
    [(50, Status.HEALTHY, 200), (10, Status.HEALTHY, 200), (9, Status.UNHEALTHY, 503)],
)
def test_memory_above_the_threshold_is_unhealthy(free: int, status: Status, code: int) -> None:
    report = app_report(1.0, Memory(resident=1, total=100, free=free), 0.9)
    assert (report.status, report.code) == (status, code)


def test_units_of_time_are_whole_and_never_rounded_up() -> None:
    report = app_report(7199.9996, HALF_FULL, 0.9)
    assert report.details["uptime"] == {"ms": 7199999, "seconds": 7199, "minutes": 119, "hours": 1}


async def test_what_else_is_watched_counts_too() -> None:
    async def slow() -> Report:
        return Report(Status.DEGRADED, {"query": "slow"})

    asked = checks(HALF_FULL)
    assert await asked.one("db") is None
    asked.watch({"db": slow})
    details = (await asked.all()).details
    assert details["checks"] == {"app": "healthy", "db": "degraded"}
    assert details["db"] == {"query": "slow"}
    assert details["app"]["memory"]["system"]["usagePercent"] == "46.88"
    db = await asked.one("db")
    assert db is not None
    assert (db.status, db.details) == (Status.DEGRADED, {"query": "slow"})


async def test_all_is_as_bad_as_the_worst() -> None:
    report = await checks(Memory(resident=1, total=100, free=1)).all()
    assert report.status is Status.UNHEALTHY
    assert report.details["checks"] == {"app": Status.UNHEALTHY}


async def test_a_check_that_hangs_is_unhealthy_within_its_second() -> None:
    free = threading.Event()

    def hang() -> Memory:
        free.wait(10)
        return HALF_FULL

    began = time.monotonic()
    report = await Checks(SystemClock(), 0.9, hang).one("app")
    free.set()
    assert time.monotonic() - began < 5
    assert report is not None
    assert (report.status, report.code) == (Status.UNHEALTHY, 503)


async def test_a_threshold_can_change_while_it_runs() -> None:
    asked = checks(Memory(resident=1, total=100, free=50))
    assert (await asked.app()).status is Status.HEALTHY
    asked.memory_limit = 0.4
    assert (await asked.app()).status is Status.UNHEALTHY


def test_this_machines_memory_is_read() -> None:
    seen = read_memory()
    assert seen.total == psutil.virtual_memory().total
    assert 0 < seen.free <= seen.total
    assert seen.resident > MIB


def test_where_there_is_no_proc_the_same_is_read_by_psutil() -> None:
    seen, elsewhere = read_memory(), Memory(*portable.memory_of_ours(Path("/nowhere")))
    assert elsewhere.total == seen.total
    assert elsewhere.resident > MIB
