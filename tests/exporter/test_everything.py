"""The whole exporter against everything that it can watch: complete, clean, and in time whatever hangs."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from exporter.collectors import COLLECTORS
from prunella.metrics import REGISTRY
from tests.exporter.reading import names, samples, value
from tests.exporter.serving import Served, sent, serving
from tests.servers.everything import World, everything
from tests.servers.process import until

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

HEADER = "3"  # what Prometheus would send with a scrape_timeout of 3 s
SUCCESS = "prunella_scrape_collector_success"
DURATION = "prunella_scrape_collector_duration_seconds"
# Theirs, with their owners' habits; every other name has to please promtool.
DE_FACTO = ("node_", "redis_", "pg_", "pgbouncer_", "namedprocess_")
TELLS = {
    "host": "node_load1",
    "processes": "prunella_process_resident_memory_bytes",
    "endpoints": "probe_http_status_code",
    "redis": "redis_uptime_in_seconds",
    "postgres": "pg_stat_activity_count",
    "pgbouncer": "pgbouncer_databases_pool_size",
    "queues": "prunella_queue_jobs",
    "backups": "prunella_backup_last_success_timestamp_seconds",
    "releases": "prunella_release_info",
    "intake": "prunella_intake_waiting",
}
DEPENDENCIES = (
    "redis",
    "redis with queues",
    "postgres",
    "pgbouncer",
    "supervisor",
    "endpoint",
    "receiver",
)


@dataclass(frozen=True, slots=True)
class Whole:
    served: Served
    world: World

    async def scrape(self) -> list[Metric]:
        return await self.served.metrics(**sent(X_Prometheus_Scrape_Timeout_Seconds=HEADER))

    async def is_complete(self) -> bool:
        found = await self.scrape()
        return successes(found) == dict.fromkeys(COLLECTORS, 1.0) and set(TELLS.values()) <= names(found)  # fmt: skip


def successes(found: list[Metric]) -> dict[str, float]:
    return {sample.labels["collector"]: sample.value for sample in samples(found, SUCCESS)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    folder = tmp_path_factory.mktemp("everything")
    async with everything(folder) as world, serving(folder, **world.config) as served:
        yield Whole(served, world)


async def test_with_all_collectors_on_everything_is_complete(whole: Whole) -> None:
    assert set(TELLS) == set(COLLECTORS), (
        "whoever adds a collector adds what it watches, and a name"
    )
    await until(whole.is_complete, "every collector has told")
    found = await whole.scrape()
    assert value(found, "probe_success", endpoint="site") == 1
    assert value(found, "prunella_release_info", version="v1") == 1
    waiting = {(s.labels["system"], s.labels["queue"]): s.value for s in samples(found, "prunella_queue_jobs") if s.labels["state"] == "waiting"}  # fmt: skip
    assert waiting == {
        ("bullmq", "email"): 3,
        ("bullmq", "video"): 3,
        ("celery", "celery"): 0,
        ("postgres", "letters"): 1,
    }


async def test_promtool_finds_nothing_in_any_name_of_ours(whole: Whole) -> None:
    await until(whole.is_complete, "every collector has told")
    _, text = await whole.served.get("/metrics")
    said = await promtool(text)
    assert [line for line in said if not line.startswith(DE_FACTO)] == []


async def promtool(text: str) -> list[str]:
    program = shutil.which("promtool")
    assert program is not None, "there is no promtool: apt-get install prometheus"
    check = await asyncio.create_subprocess_exec(
        program, "check", "metrics", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await check.communicate(text.encode())
    return said.decode().splitlines()


async def test_all_of_it_is_valid_openmetrics(whole: Whole) -> None:
    await until(whole.is_complete, "every collector has told")
    _, text = await whole.served.get("/metrics", Accept="application/openmetrics-text")
    families = {family.name for family in openmetrics(text)}  # type: ignore[no-untyped-call] # prometheus_client types it in part only
    assert text.endswith("# EOF\n")
    assert {"prunella_queue_jobs", "redis_up", "pg_up", "pgbouncer_up", "node_load1"} <= families


async def test_every_series_says_whose_it_is(whole: Whole) -> None:
    await until(whole.is_complete, "every collector has told")
    found = await whole.scrape()
    # Of the process itself, whatever of the kit it has loaded besides, and of the scrape.
    own = {
        SUCCESS,
        DURATION,
        *(one.name for family in REGISTRY.collect() for one in family.samples),
    }
    others = [one for family in found for one in family.samples if one.name not in own]
    assert {one.name for one in others if not one.labels.get("service")} == set()
    assert {one.name for one in others} > set(TELLS.values())


@pytest.mark.parametrize("name", DEPENDENCIES)
async def test_whatever_hangs_the_others_are_complete_and_in_time(whole: Whole, name: str) -> None:
    assert set(DEPENDENCIES) == set(whole.world.dependencies)
    await until(whole.is_complete, "every collector has told")
    hung = whole.world.dependencies[name]
    hung.server.hang()
    try:
        began = time.monotonic()
        found = await whole.scrape()
        took = time.monotonic() - began
    finally:
        hung.server.wake()
    # 2.5 s, measured in benchmarks/hung; whoever waited for it would not be back yet
    assert took < 10
    assert successes(found) == {one: float(one not in hung.collectors) for one in COLLECTORS}
    told = {one: name for one, name in TELLS.items() if one not in hung.collectors}
    assert set(told.values()) <= names(found)
    await until(whole.is_complete, "it is back, and so is what it tells")


async def test_of_two_servers_with_queues_the_one_that_answers_is_shown(whole: Whole) -> None:
    await until(whole.is_complete, "every collector has told")
    jobs = whole.world.dependencies["redis with queues"].server
    jobs.hang()
    try:
        found = await whole.scrape()
    finally:
        jobs.wake()
    assert value(found, "prunella_queue_source_up", system="bullmq") == 0
    assert value(found, "prunella_queue_jobs", queue="letters", state="waiting") == 1
    await until(whole.is_complete, "it is back, and so is what it tells")
