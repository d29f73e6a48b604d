from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from prunella import health
from prunella.health import Checks, Report, Status


async def fine() -> None:
    """Nothing is wrong."""


async def broken() -> None:
    raise OSError("redis://:CANARY@h refused")


async def endless() -> None:
    await asyncio.sleep(3600)


async def report_of(*, cache_is_critical: bool) -> Report:
    checks = Checks()
    checks.add("db", fine)
    checks.add("cache", broken, critical=cache_is_critical)
    return await checks.report()


async def test_without_checks_an_app_is_healthy() -> None:
    assert await Checks().report() == Report(Status.HEALTHY, {})


async def test_a_failing_critical_check_makes_the_app_unhealthy() -> None:
    report = await report_of(cache_is_critical=True)
    assert (report.status, report.http_status) == (Status.UNHEALTHY, 503)
    assert report.checks == {"db": Status.HEALTHY, "cache": Status.UNHEALTHY}


async def test_a_failing_check_that_is_not_critical_only_degrades() -> None:
    report = await report_of(cache_is_critical=False)
    assert (report.status, report.http_status) == (Status.DEGRADED, 200)


async def test_a_check_that_takes_too_long_has_failed() -> None:
    checks = Checks()
    checks.add("slow", endless, timeout=0.01)
    assert (await checks.report()).status is Status.UNHEALTHY


async def test_checks_are_asked_all_at_once() -> None:
    meeting = asyncio.Barrier(3)
    checks = Checks()
    for name in "abc":
        checks.add(name, meeting.wait)
    assert (await checks.report()).status is Status.HEALTHY


async def test_the_answer_holds_words_only(caplog: pytest.LogCaptureFixture) -> None:
    body = (await report_of(cache_is_critical=True)).as_json()
    assert body["checks"] == {"db": "healthy", "cache": "unhealthy"}
    assert datetime.fromisoformat(str(body["timestamp"])).tzinfo is not None
    assert "CANARY" not in str(body)
    assert caplog.records[-1].getMessage() == "health check failed"


async def test_a_check_added_to_the_app_is_in_its_report() -> None:
    health.add_check("shopify", fine)
    assert (await health.CHECKS.report()).checks["shopify"] is Status.HEALTHY
