from __future__ import annotations

import json
from pathlib import Path

import pytest

from exporter.cache_health import Ping, cache_report
from exporter.report import Status
from tests.exporter.serving import serving
from tests.servers.process import until
from tests.servers.redis import redis_server


def test_every_cache_says_how_fast_it_answers() -> None:
    report = cache_report([Ping("cache", 0.0012), Ping("sessions", 0.02)])
    assert report.status is Status.HEALTHY
    assert report.details["caches"] == [
        {"name": "cache", "status": "healthy", "responseTime": "1ms"},
        {"name": "sessions", "status": "healthy", "responseTime": "20ms"},
    ]


def test_one_that_does_not_answer_makes_the_whole_unhealthy() -> None:
    report = cache_report([Ping("cache", 0.001), Ping("sessions", None)])
    assert (report.status, report.code) == (Status.UNHEALTHY, 503)
    shown = {"name": "sessions", "status": "unhealthy", "responseTime": None}
    assert report.details["caches"][1] == shown


@pytest.mark.server
async def test_a_redis_is_a_part_of_the_health_of_all(tmp_path: Path) -> None:
    async with redis_server() as server:
        entry = {"name": "cache", "url": server.url}
        async with serving(tmp_path, health={"memory": 1}, redis=[entry]) as served:
            status, text = await served.get("/api/health")
            answer = json.loads(text)
            assert (status, answer["checks"]) == (200, {"app": "healthy", "cache": "healthy"})
            (shown,) = answer["cache"]["caches"]
            assert (shown["name"], shown["responseTime"][-2:]) == ("cache", "ms")
            server.kill()

            async def unwell() -> bool:
                return (await served.get("/api/health/cache"))[0] == 503

            await until(unwell, "the Redis that is gone is seen")


@pytest.mark.server
async def test_one_that_answers_and_serves_nobody_is_not_well(tmp_path: Path) -> None:
    nobody = ("--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "no")
    async with redis_server(*nobody) as server:
        entry = {"name": "replica", "url": server.url}
        async with serving(tmp_path, health={"memory": 1}, redis=[entry]) as served:
            status, text = await served.get("/api/health/cache")
    assert (status, json.loads(text)["caches"][0]["status"]) == (503, "unhealthy")


async def test_without_a_redis_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    async with serving(tmp_path, health={"memory": 1}) as served:
        status, text = await served.get("/api/health/cache")
    assert (status, json.loads(text)["reason"]) == (404, "not_configured")
