"""Several processes of one app: whichever answers the scrape, it is what all of them counted."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.gunicorn import Gunicorn, gunicorn
from tests.servers.process import until

pytestmark = pytest.mark.server

APP = "tests.prunella.shared_app:app"
REQUESTS = 300


async def ask(server: Gunicorn, times: int = REQUESTS) -> Counter[str]:
    """How many of them each worker answered."""
    connector = aiohttp.TCPConnector(limit=12, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one() -> str:
            async with session.get(f"{server.url}/orders") as answer:
                return await answer.text()

        return Counter(await asyncio.gather(*(one() for _ in range(times))))


async def page(server: Gunicorn, accept: str = "text/plain") -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/metrics", headers={"Accept": accept}) as answer,
    ):
        assert answer.status == 200
        return await answer.text()


async def values(server: Gunicorn) -> dict[str, float]:
    """Of the samples with these names, whatever else is in their labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(await page(server)):
        for sample in family.samples:
            if sample.labels.get("route", "/orders") == "/orders":
                key = f"{sample.name}{sample.labels.get('le', '')}"
                found[key] = found.get(key, 0.0) + sample.value
    return found


async def assert_counted(server: Gunicorn, requests: int) -> None:
    async def all_are_over() -> bool:  # a request is counted after the client has its answer
        return (await values(server))["http_requests_total"] >= requests

    await until(all_are_over, f"{requests} requests counted")
    for _ in range(4):  # whichever worker answers
        found = await values(server)
        assert found["http_requests_total"] == requests
        assert found["http_request_duration_seconds_count"] == requests
        assert found["orders_total"] == requests
        assert found["order_size_bucket+Inf"] == found["order_size_count"] == requests
        assert found["order_size_bucket1.0"] == 0
        assert found["order_size_sum"] == 3 * requests
        assert found["theirs_total"] == 2 * requests
        assert found["app_operation_seconds_count"] == requests


@pytest.mark.parametrize(
    "options", [(), ("--preload",), ("--threads", "4")], ids=["plain", "preloaded", "threads"]
)
async def test_what_the_workers_counted_is_shown_as_one(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with gunicorn(APP, tmp_path, *options) as server:
        answered = await ask(server)
        assert len(answered) > 1, "one worker took them all"
        await assert_counted(server, REQUESTS)
        assert (await values(server))["workers"] == len(answered)


async def end(server: Gunicorn, worker: int) -> None:
    """As the kernel does when memory is short: without a word."""
    os.kill(worker, signal.SIGKILL)
    await until(lambda: worker not in server.workers(), "the worker is gone")
    await until(lambda: len(server.workers()) == 3, "another took its place")


async def test_what_a_worker_counted_outlives_it_and_its_gauges_do_not(tmp_path: Path) -> None:
    async with gunicorn(APP, tmp_path) as server:
        answered = await ask(server)
        await assert_counted(server, REQUESTS)
        await end(server, int(answered.most_common(1)[0][0]))
        await assert_counted(server, REQUESTS)
        assert (await values(server))["workers"] == len(answered) - 1


async def test_of_a_worker_killed_at_its_answer_only_the_end_of_that_request_is_lost(
    tmp_path: Path,
) -> None:
    async with gunicorn(APP, tmp_path) as server:
        for _ in range(10):
            (worker,) = await ask(server, 1)
            await end(server, int(worker))
        found = await values(server)
    assert found["orders_total"] == found["order_size_bucket+Inf"] == 10
    assert found["theirs_total"] == 20
    assert found["app_operation_seconds_count"] == 10
    assert found.get("http_requests_total", 0) <= 10


async def test_workers_that_are_replaced_all_the_time_lose_nothing(tmp_path: Path) -> None:
    async with gunicorn(APP, tmp_path, "--max-requests", "20") as server:
        answered = await ask(server, 120)
        assert len(answered) > 3
        await assert_counted(server, 120)


async def test_openmetrics_is_had_from_several_processes_too(tmp_path: Path) -> None:
    async with gunicorn(APP, tmp_path) as server:
        await ask(server, 10)
        text = await page(server, "application/openmetrics-text")
    assert 'orders_total{state="paid"} 10.0\n' in text
    assert text.endswith("# EOF\n")
