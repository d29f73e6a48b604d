from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Hashable, Mapping, Sequence
from math import inf, nan
from pathlib import Path
from typing import Any, Literal, Self

import psutil
import pytest

from exporter.collectors.base import Collected, World
from exporter.collectors.process_sources.base import (
    Entry,
    Figures,
    Machine,
    Reading,
    SourceError,
)
from exporter.collectors.process_sources.look import Restarts, Snapshot, look
from exporter.collectors.process_sources.matched import MatchedEntry
from exporter.collectors.processes import Processes
from tests.exporter.proc.tree import STAT, process, write
from tests.exporter.reading import names, samples, value
from tests.servers.process import running, start

LABELS = ("api", "pm2", "shop")


class Scripted(Entry):
    """A manager of the test's own: says what its `script` holds, or hangs, or fails."""

    manager: Literal["scripted"] = "scripted"
    script: Reading | None = None
    failure: str = ""

    def source(self) -> Hashable:
        return self.failure

    @classmethod
    async def read(cls, entries: Sequence[Self], machine: Machine) -> Mapping[str, Reading]:
        failure = entries[0].failure
        if failure == "hangs":
            await asyncio.sleep(60)
        if failure == "refuses":
            raise SourceError("nobody there")
        if failure == "surprises":
            raise KeyError("DATABASE_URL=postgres://secret")
        return {entry.name: entry.script or Reading(up=False) for entry in entries}


async def collected(
    *entries: Entry, service: str = "", seconds: float = 5.0, collector: Processes | None = None
) -> Collected:
    collector = collector or Processes(entries, World(service=service))
    return await collector.collect(asyncio.get_running_loop().time() + seconds)


def machine_with(tmp_path: Path, *pids: int) -> Snapshot:
    write(tmp_path, {"stat": STAT})
    for number, pid in enumerate(pids):
        process(tmp_path, pid, parent=pids[number - 1] if number else 1)
    return Snapshot(tmp_path)


async def test_a_running_process_has_its_figures() -> None:
    found = await collected(Scripted(name="me", script=Reading(up=True, roots=(os.getpid(),))))
    me = psutil.Process()
    assert value(found, "prunella_process_up", name="me") == 1
    resident = value(found, "prunella_process_resident_memory_bytes", name="me") or 0
    assert resident >= me.memory_info().rss * 0.5
    assert (value(found, "prunella_process_cpu_seconds_total", name="me") or 0) > 0
    assert (value(found, "prunella_process_open_fds", name="me") or 0) > 0
    started = value(found, "prunella_process_start_time_seconds", name="me") or 0
    assert abs(started - me.create_time()) < 2
    assert found.problems == ()


async def test_a_process_that_is_down_says_only_that() -> None:
    found = await collected(Scripted(name="gone", script=Reading(up=False)))
    assert value(found, "prunella_process_up", name="gone") == 0
    assert {name for name in names(found) if name.startswith("prunella")} == {"prunella_process_up"}
    assert value(found, "namedprocess_namegroup_num_procs", groupname="gone") == 0
    assert found.problems == ()


async def test_the_labels_are_name_manager_and_service() -> None:
    found = await collected(
        Scripted(name="a", service="own"), Scripted(name="b"), service="everyones"
    )
    labels = [sample.labels for sample in samples(found, "prunella_process_up")]
    assert labels == [
        {"name": "a", "manager": "scripted", "service": "own"},
        {"name": "b", "manager": "scripted", "service": "everyones"},
    ]


@pytest.mark.parametrize("failure", ["hangs", "refuses", "surprises"])
async def test_a_source_in_trouble_costs_only_its_own_entries(failure: str) -> None:
    found = await collected(
        Scripted(name="lost", failure=failure),
        Scripted(name="me", script=Reading(up=True, roots=(os.getpid(),))),
        seconds=0.5,
    )
    assert value(found, "prunella_process_up", name="lost") == 0
    assert value(found, "prunella_process_up", name="me") == 1
    assert len(found.problems) == 1
    assert "secret" not in found.problems[0]


@pytest.mark.parametrize("pid", [0, -1, 2**31, 10**400, 7.5])
def test_no_reading_is_made_of_what_can_be_no_process(pid: Any) -> None:
    with pytest.raises(ValueError, match="a process that cannot be"):
        Reading(up=True, roots=(pid,))


@pytest.mark.parametrize("figure", [inf, -inf, nan, 10**400, -(10**400), 2**63 + 1])
def test_no_reading_is_made_of_what_can_be_no_figure(figure: Any) -> None:
    for made in (
        lambda: Reading(up=True, starts=(figure,)),
        lambda: Reading(up=True, restarts=figure),
        lambda: Reading(up=True, memory_limit=figure),
        lambda: Figures(resident=figure),
        lambda: Figures(cpu=figure),
        lambda: Figures(started=figure),
    ):
        with pytest.raises(ValueError, match="a figure that cannot be"):
            made()


def test_the_largest_figures_that_can_be_are_taken() -> None:
    reading = Reading(up=True, roots=(1, 2**31 - 1), starts=(-5.5,), restarts=0, memory_limit=2**63)
    assert reading.roots == (1, 2**31 - 1)


def test_everything_is_down_when_the_collector_was_late() -> None:
    found = Processes([Scripted(name="a"), Scripted(name="b")], World()).down()
    assert {sample.value for sample in samples(found, "prunella_process_up")} == {0}


def test_what_a_process_started_belongs_to_it(tmp_path: Path) -> None:
    seen = look(
        LABELS, Reading(up=True, roots=(100,)), None, None, machine_with(tmp_path, 100, 101)
    )
    assert seen.cpu == 7.0
    assert seen.started == 1700000000 + 60


def test_what_a_match_started_does_not(tmp_path: Path) -> None:
    reading = Reading(up=True, roots=(100,), family=False)
    seen = look(LABELS, reading, None, None, machine_with(tmp_path, 100, 101))
    assert seen.cpu == 3.5


def test_a_process_in_another_namespace_is_up_without_figures(tmp_path: Path) -> None:
    seen = look(LABELS, Reading(up=True, roots=(100,)), None, 4, machine_with(tmp_path))
    assert (seen.up, seen.restarts, seen.resident) == (True, 4, None)


def test_the_configured_limit_comes_before_the_managers(tmp_path: Path) -> None:
    reading = Reading(up=True, roots=(100,), memory_limit=500)
    snapshot = machine_with(tmp_path, 100)
    assert look(LABELS, reading, 300, None, snapshot).limit == 300
    assert look(LABELS, reading, None, None, snapshot).limit == 500


def test_descriptors_that_may_not_be_counted_are_left_out(tmp_path: Path) -> None:
    seen = look(LABELS, Reading(up=True, roots=(100,)), None, None, machine_with(tmp_path, 100))
    assert seen.open_fds is None


def test_a_managers_own_count_of_restarts_is_taken_as_it_is() -> None:
    assert Restarts().of("api", Reading(up=True, restarts=7)) == 7


def test_restarts_are_counted_from_changed_starts() -> None:
    restarts = Restarts()
    seen = [restarts.of("api", Reading(up=True, starts=(at,))) for at in (10.0, 10.0, 20.0, 30.0)]
    assert seen == [0, 0, 1, 2]


def test_the_count_stays_while_the_process_is_away() -> None:
    restarts = Restarts()
    for at in (10.0, 20.0):
        restarts.of("api", Reading(up=True, starts=(at,)))
    assert restarts.of("api", Reading(up=False)) == 1


@pytest.mark.server
async def test_matching_command_lines_are_summed_and_gone_when_they_are(tmp_path: Path) -> None:
    entry = MatchedEntry(name="twins", match=r"prunella-test-twin")
    argv = [
        sys.executable,
        "-c",
        "import time; print('on', flush=True); time.sleep(60)",
        "prunella-test-twin",
    ]
    first, second = start("one", argv, tmp_path), start("two", argv, tmp_path)
    ready = [lambda twin=twin: "on" in twin.output() for twin in (first, second)]
    async with running(first, ready[0]), running(second, ready[1]):
        lone = psutil.Process(first.pid).memory_info().rss
        found = await collected(entry)
        assert value(found, "prunella_process_up", manager="match") == 1
        assert (value(found, "prunella_process_resident_memory_bytes") or 0) > 1.5 * lone
    found = await collected(entry)
    assert value(found, "prunella_process_up", name="twins") == 0
    assert value(found, "prunella_process_resident_memory_bytes") is None
    assert found.problems == ()
