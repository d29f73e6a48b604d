"""What every collector keeps to, whoever writes it: run over COLLECTORS, so that a new line there is tested at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from pydantic import BaseModel, TypeAdapter, ValidationError

from exporter.collectors import COLLECTORS
from exporter.collectors.base import Collected, Collector, World
from exporter.settings import ExporterConfig
from tests.servers.ports import free_port

# The smallest thing to look at for each key: something that is not there, but can be asked for.
ENTRIES: dict[str, Any] = {
    "host": {},
    "processes": [{"name": "a", "manager": "supervisor", "url": "unix:///nowhere/s.sock"}],
    "endpoints": [{"name": "a", "url": f"http://127.0.0.1:{free_port()}/"}],
    "redis": [{"name": "a", "url": f"redis://:hunter2@127.0.0.1:{free_port()}/0"}],
    "postgres": [{"name": "a", "url": f"postgresql://u:hunter2@127.0.0.1:{free_port()}/d"}],
    "backups": [{"name": "a", "directory": "/nowhere"}],
    "pgbouncer": [
        {"name": "a", "url": f"postgresql://u:hunter2@127.0.0.1:{free_port()}/pgbouncer"}
    ],
    "queues": [{"system": "bullmq", "url": f"redis://:hunter2@127.0.0.1:{free_port()}/0"}],
    "releases": [{"name": "a", "url": f"http://127.0.0.1:{free_port()}/", "token": "hunter2"}],
    "intake": {"projects": [{"id": "1", "key": "hunter2hunter2", "service": "shop"}]},
}
DE_FACTO = ("node_", "redis_", "probe_", "pg_", "pgbouncer_", "namedprocess_", "app_")
KEYS = pytest.mark.parametrize("key", COLLECTORS)


def options_of(key: str) -> Any:
    return TypeAdapter(COLLECTORS[key].options).validate_python(ENTRIES[key])


@asynccontextmanager
async def running(key: str) -> AsyncIterator[Collector]:
    collector = COLLECTORS[key].build(options_of(key), World(service="shop"))
    await collector.start()
    try:
        yield collector
    finally:
        await collector.stop()


async def collected(collector: Collector, seconds: float = 2.0) -> Collected:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        return await collector.collect(loop.time() + seconds)


def labels(families: tuple[Metric, ...]) -> dict[str, set[str]]:
    return {s.name: set(s.labels) for family in families for s in family.samples}


@KEYS
def test_it_is_a_key_of_the_config(key: str) -> None:
    assert key in ExporterConfig.model_fields


@KEYS
def test_it_is_off_unless_its_key_is_there(key: str) -> None:
    assert getattr(ExporterConfig(), key) is None


@KEYS
def test_its_options_are_frozen_and_refuse_unknown_keys(key: str) -> None:
    options = options_of(key)
    for one in options if isinstance(options, tuple) else [options]:
        assert isinstance(one, BaseModel)
        assert one.model_config["frozen"]
        assert one.model_config["extra"] == "forbid"


@KEYS
def test_no_two_entries_have_one_name(key: str) -> None:
    entry = ENTRIES[key]
    if isinstance(entry, list):
        with pytest.raises(ValidationError, match="given twice"):
            TypeAdapter(COLLECTORS[key].options).validate_python(entry * 2)


@KEYS
async def test_what_is_not_there_costs_no_exception(key: str) -> None:
    async with running(key) as collector:
        assert isinstance(await collected(collector), Collected)


@KEYS
async def test_names_are_ours_or_de_facto(key: str) -> None:
    async with running(key) as collector:
        for family in (await collected(collector)).families:
            # one that is written at once has its names only in its series
            for name in {family.name} - {""} or {sample.name for sample in family.samples}:
                assert name.startswith(("prunella_", *DE_FACTO)), name
                assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name)
            assert family.documentation or not family.name


@KEYS
async def test_no_family_is_there_twice(key: str) -> None:
    async with running(key) as collector:
        names = [family.name for family in (await collected(collector)).families]
    assert len(names) == len(set(names))


@KEYS
async def test_what_is_down_is_said_with_the_same_labels_as_what_is_up(key: str) -> None:
    async with running(key) as collector:
        seen = labels((await collected(collector)).families)
        down = tuple(collector.down())
    for family in down:
        for sample in family.samples:
            assert sample.value == 0, "only `…_up 0` is known of what was not read"
            assert seen.get(sample.name, set(sample.labels)) == set(sample.labels)


@KEYS
async def test_values_are_built_anew_for_each_scrape(key: str) -> None:
    async with running(key) as collector:
        first, second = await collected(collector), await collected(collector)
    shared = {id(family) for family in first.families} & {id(family) for family in second.families}
    assert not shared


@KEYS
async def test_it_can_be_cancelled_and_asked_again(key: str) -> None:
    async with running(key) as collector:
        task = asyncio.create_task(collected(collector))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert (await collected(collector)).families


@KEYS
async def test_its_secrets_are_said_nowhere(key: str) -> None:
    async with running(key) as collector:
        said = f"{await collected(collector)} {options_of(key)!r}"
    assert "hunter2" not in said
