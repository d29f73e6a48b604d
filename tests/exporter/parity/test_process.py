"""Every name that process-exporter and we have, of the same processes."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.exporter.parity.dashboards import without_data
from tests.exporter.parity.frame import SAME, Near, Read, assert_parity, at
from tests.exporter.serving import serving
from tests.servers.peers import peer

pytestmark = pytest.mark.server

GROUPS = {"sleepers": "prunella-parity-sleeper", "worker": "prunella-parity-worker"}
SLEEP = "import sys, time; print('on', flush=True); time.sleep(600)"
# Works on every line of its input: a third of a second of its own and the kernel's time, memory, files, a written MiB.
WORK = """
import os, sys, time
print('on', flush=True)
kept = []
for line in sys.stdin:
    end = time.process_time() + 0.3
    while time.process_time() < end: os.getppid()
    kept.append(bytearray(8 << 20))
    file = open(sys.argv[2] + str(len(kept)), 'wb'); kept.append(file)
    file.write(bytes(1 << 20)); file.flush(); os.fsync(file.fileno())
    print('done', flush=True)
"""
TABLE: Mapping[str, Near] = {
    f"namedprocess_namegroup_{name}": near
    for near, names in {
        SAME: """num_procs num_threads memory_bytes open_filedesc worst_fd_ratio
            oldest_start_time_seconds states context_switches_total major_page_faults_total
            minor_page_faults_total read_bytes_total write_bytes_total""",
        Near(apart=0.02): "cpu_seconds_total",  # in ticks, which are rounded anew for each look
    }.items()
    for name in names.split()
}


@asynccontextmanager
async def program(code: str, *arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-Sc", code, *arguments, stdin=PIPE, stdout=PIPE
    )
    try:
        await said(process, b"on\n")
        yield process
    finally:
        process.kill()
        await process.communicate()


async def said(process: Process, line: bytes) -> None:
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30) == line


async def works(worker: Process) -> None:
    assert worker.stdin is not None
    worker.stdin.write(b"go\n")
    await worker.stdin.drain()
    await said(worker, b"done\n")


@asynccontextmanager
async def both(tmp_path: Path) -> AsyncIterator[tuple[Read, Read]]:
    """Ours and theirs, of the groups; without its threads and its walk through page tables."""
    config = tmp_path / "process-exporter.yml"
    named = [{"name": name, "cmdline": [text]} for name, text in GROUPS.items()]
    config.write_text(json.dumps({"process_names": named}))
    options = ("-threads=false", "-gather-smaps=false", "-children=false", f"-config.path={config}")
    listen = "-web.listen-address={address}"
    entries = [{"name": name, "match": text} for name, text in GROUPS.items()]
    async with (
        serving(tmp_path, processes=entries) as served,
        peer("prometheus-process-exporter", tmp_path, *options, listen) as theirs,
    ):
        yield at(f"{served.url}/metrics"), at(theirs)


async def test_our_values_are_process_exporters(tmp_path: Path) -> None:
    async with (
        program(SLEEP, GROUPS["sleepers"]),
        program(WORK, GROUPS["worker"], str(tmp_path / "written")) as worker,
        both(tmp_path) as (ours, theirs),
    ):
        await ours()
        await theirs()
        # Theirs knows starts to the second only: what it is to count in full must begin a second after it did.
        for _ in range(5):
            await works(worker)
        async with program(SLEEP, GROUPS["sleepers"]):
            await assert_parity(TABLE, ours, theirs, prefix="namedprocess_")
            page = await ours()
        assert without_data("process_exporter", page) == []
        key = (
            "namedprocess_namegroup_cpu_seconds_total",
            (("groupname", "worker"), ("mode", "user")),
        )
        assert page.series["namedprocess_namegroup_cpu_seconds_total"][key] > 0.05
        # the second sleeper is gone: what it has used is not
        await assert_parity(TABLE, ours, theirs, prefix="namedprocess_")
