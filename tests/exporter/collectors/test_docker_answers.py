"""What a Docker Engine, or whoever sits at its address, may answer."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.collectors.base import Collected, World
from exporter.collectors.process_sources.docker import DockerEntry
from exporter.collectors.process_sources.matched import MatchedEntry
from exporter.collectors.processes import Processes
from tests.exporter.collecting import collect
from tests.exporter.reading import value

VERSION = {"ApiVersion": "1.44", "MinAPIVersion": "1.24"}
RUNNING = {"Id": "f" * 64, "Name": "/api", "RestartCount": 3, "State": {"Status": "running", "Pid": 0}}  # fmt: skip


@asynccontextmanager
async def answering(tmp_path: Path, answers: Mapping[str, Any]) -> AsyncIterator[DockerEntry]:
    """An engine that says exactly this, by the last word of the path; bytes as they are."""

    async def answer(request: web.Request) -> web.Response:
        said = answers[request.path.rpartition("/")[2]]
        if isinstance(said, bytes):
            return web.Response(body=said)
        return web.json_response(said)

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(tmp_path / "d.sock")).start()
        yield DockerEntry(name="api", manager="docker", url=f"unix://{tmp_path}/d.sock")
    finally:
        await runner.cleanup()


async def seen(tmp_path: Path, answers: Mapping[str, Any]) -> Collected:
    async with answering(tmp_path, {"version": VERSION, **answers}) as entry:
        deadline = asyncio.get_running_loop().time() + 5
        return await Processes([entry], World()).collect(deadline)


@pytest.mark.parametrize("version", [b"<html>", [], {}, {"ApiVersion": "x", "MinAPIVersion": "y"}])
async def test_what_names_no_version_is_no_engine(tmp_path: Path, version: Any) -> None:
    found = await seen(tmp_path, {"version": version})
    assert value(found, "prunella_process_up") == 0
    (problem,) = found.problems
    assert problem.endswith("is no Docker Engine")


@pytest.mark.parametrize("said", [[], b"nonsense", b"[" * 100_000])
async def test_what_is_no_container_is_said(tmp_path: Path, said: Any) -> None:
    found = await seen(tmp_path, {"json": said})
    assert value(found, "prunella_process_up") == 0
    assert len(found.problems) == 1


async def test_an_answer_without_a_state_is_a_surprise_that_is_not_quoted(tmp_path: Path) -> None:
    found = await seen(tmp_path, {"json": {"Name": "/api", "Env": ["TOKEN=c4nary"]}})
    assert found.problems == ("docker: not the answer expected (KeyError)",)


HUGE = 10**400


@pytest.mark.parametrize(
    ("said", "stats"),
    [
        (json.dumps(RUNNING).replace(": 3", ": 1e999").encode(), {}),
        ({**RUNNING, "RestartCount": HUGE}, {}),
        ({**RUNNING, "HostConfig": {"Memory": HUGE}}, {}),
        (RUNNING, {"cpu_stats": {"cpu_usage": {"total_usage": HUGE}}}),
        (RUNNING, {"memory_stats": {"stats": {"anon": HUGE}}}),
    ],
    ids=["infinite-restarts", "restarts", "limit", "cpu", "memory"],
)
async def test_figures_that_cannot_be_cost_no_other_source(
    tmp_path: Path, said: Any, stats: Any
) -> None:
    async with answering(tmp_path, {"version": VERSION, "json": said, "stats": stats}) as entry:
        me = MatchedEntry(name="me", match=".")
        found = await collect(Processes([entry, me], World()))
    assert value(found, "prunella_process_up", name="api") == 0
    assert value(found, "prunella_process_up", name="me") == 1
    (problem,) = found.problems
    assert problem.startswith("docker: not the answer expected")


async def test_a_process_that_cannot_be_is_none_of_this_machine(tmp_path: Path) -> None:
    shown = {**RUNNING, "State": {"Status": "running", "Pid": HUGE}}
    found = await seen(tmp_path, {"json": shown, "stats": {}})
    assert value(found, "prunella_process_up") == 1
    assert found.problems == ()


@pytest.mark.parametrize("identity", ["", "0", "/"])
async def test_a_container_without_a_whole_id_gets_no_process_of_this_machine(
    tmp_path: Path, identity: str
) -> None:
    """A part of an id is in the control group of many."""
    state = {"Status": "running", "Pid": os.getpid()}
    found = await seen(tmp_path, {"json": {**RUNNING, "Id": identity, "State": state}, "stats": {}})
    assert value(found, "prunella_process_up") == 1
    assert value(found, "prunella_process_resident_memory_bytes") is None


async def test_an_answer_without_end_is_given_up(tmp_path: Path) -> None:
    found = await seen(tmp_path, {"json": b"x" * (5 << 20)})
    (problem,) = found.problems
    assert problem.endswith("answers too much for a Docker Engine")


@pytest.mark.parametrize("memory", ["anon", "total_rss"])
async def test_memory_is_without_what_the_kernel_keeps_of_files(
    tmp_path: Path, memory: str
) -> None:
    """By the words of control groups of version 2 and of version 1."""
    stats = {
        "memory_stats": {"usage": 9000, "stats": {memory: 4096, "file": 1}},
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
    }
    found = await seen(tmp_path, {"json": RUNNING, "stats": stats})
    assert value(found, "prunella_process_resident_memory_bytes") == 4096
    assert value(found, "prunella_process_cpu_seconds_total") == 2.5
    assert value(found, "prunella_process_restarts_total") == 3


async def test_statistics_that_say_nothing_leave_it_at_up(tmp_path: Path) -> None:
    found = await seen(
        tmp_path, {"json": RUNNING, "stats": {"memory_stats": {}, "cpu_stats": None}}
    )
    assert value(found, "prunella_process_up") == 1
    assert value(found, "prunella_process_resident_memory_bytes") is None
    assert value(found, "prunella_process_start_time_seconds") is None
    assert found.problems == ()


@pytest.mark.parametrize(
    ("status", "up"),
    [("running", 1), ("paused", 0), ("restarting", 0), ("exited", 0), ("dead", 0), ("created", 0)],
)
async def test_only_a_container_that_runs_is_up(tmp_path: Path, status: str, up: int) -> None:
    shown = {**RUNNING, "State": {"Status": status, "Pid": 0}}
    found = await seen(tmp_path, {"json": shown, "stats": {}})
    assert value(found, "prunella_process_up") == up
