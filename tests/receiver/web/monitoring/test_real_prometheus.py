"""Every question asked of a real Prometheus: with nothing in it there is no data and no mistake, with an hour in it the figures by hand."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from receiver.outside.http import open_http
from receiver.outside.prometheus import PrometheusApi
from receiver.web.monitoring import questions
from receiver.web.monitoring.questions import Questions
from receiver.web.monitoring.readings import read, read_services
from tests.servers.prometheus import prometheus

pytestmark = pytest.mark.server

ALL: tuple[Questions, ...] = (
    *(questions.ERRORS, questions.PERFORMANCE, questions.UPTIME),
    *(questions.DATABASE, questions.CACHE, questions.USAGE),
)
MINUTES = 70
STEADY = {  # recorded: the same at every moment
    'service:http_request_errors:rate5m{service="shop"}': 0.5,
    'service:http_requests:rate5m{service="shop"}': 10,
    'service:probe_success:ratio{service="shop"}': 1,
    'service:probe_success:ratio{service="api"}': 0.5,
    'service_le:http_request_duration_seconds_bucket:rate5m{service="shop",le="0.1"}': 9,
    'service_le:http_request_duration_seconds_bucket:rate5m{service="shop",le="0.5"}': 9.5,
    'service_le:http_request_duration_seconds_bucket:rate5m{service="shop",le="1"}': 10,
    'service_le:http_request_duration_seconds_bucket:rate5m{service="shop",le="+Inf"}': 10,
    'service_kind_le:app_operation_seconds_bucket:rate5m{service="shop",kind="api",le="0.2"}': 5,
    'service_kind_le:app_operation_seconds_bucket:rate5m{service="shop",kind="api",le="+Inf"}': 5,
}
GROWING = {  # by so much a minute
    'redis_keyspace_hits_total{service="cache"}': 9,
    'redis_keyspace_misses_total{service="cache"}': 1,
}


def an_hour(end: int) -> str:
    """As OpenMetrics: a sample a minute."""
    times = [(minute, end - 60 * (MINUTES - minute)) for minute in range(MINUTES + 1)]
    lines = [f"{series} {value} {at}" for series, value in STEADY.items() for _, at in times]
    lines += [
        f"{series} {by * minute} {at}" for series, by in GROWING.items() for minute, at in times
    ]
    return "\n".join([*lines, "# EOF", ""])


@asynccontextmanager
async def asked(folder: Path, *, filled: bool) -> AsyncIterator[PrometheusApi]:
    if filled:
        file = folder / "hour.txt"
        file.write_text(an_hour(int(time.time())))
        blocks = ("promtool", "tsdb", "create-blocks-from", "openmetrics")
        subprocess.run([*blocks, file, folder / "prometheus-data"], check=True, capture_output=True)  # noqa: ASYNC221 - one second, once
    async with (
        prometheus(folder, {"global": {"scrape_interval": "1h"}}) as server,
        open_http() as http,
    ):
        yield PrometheusApi(http, server.url)


@pytest.mark.parametrize("period", questions.PERIODS)
async def test_an_empty_prometheus_has_no_data_and_understands_every_question(
    tmp_path: Path, period: str
) -> None:
    async with asked(tmp_path, filled=False) as api:
        for each in ALL:
            found = await read(api, each, period, deadline=60)
            assert {name: one.why for name, one in found.items()} == dict.fromkeys(each, "no data")
        assert await read_services(api, questions.SERVICES, period, deadline=60) == ({}, "no data")


async def test_the_figures_are_those_by_hand(tmp_path: Path) -> None:
    async with asked(tmp_path, filled=True) as api:
        errors = await read(api, questions.ERRORS, "1h", deadline=60)
        assert errors["rate"].value == pytest.approx(5)
        times = await read(api, questions.PERFORMANCE, "1h", deadline=60)
        figures = {name: one.value for name, one in times.items() if one.value is not None}
        wanted = {"p50": 1000 * 0.1 * 5 / 9, "p95": 500, "p99": 900, "max": 1000}
        assert figures == pytest.approx({**wanted, "routeP95": 500, "apiP95": 190})
        cache = await read(api, questions.CACHE, "1h", deadline=60)
        assert cache["hitPercent"].value == pytest.approx(90)
        uptime = await read(api, questions.UPTIME, "1h", deadline=60)
        assert uptime["overall"].value == pytest.approx(75)
        services, _ = await read_services(api, questions.SERVICES, "1h", deadline=60)
        assert services["api"] == pytest.approx({"now": 0.5, "uptime": 50})
