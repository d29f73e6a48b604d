"""Processes by their command and by entry: who counts where, and what hostile names and strangers' processes do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from exporter import page
from exporter.collectors.base import World
from exporter.collectors.process_sources.base import Reading
from exporter.collectors.process_sources.grouping import Commands, groups
from exporter.collectors.process_sources.look import Snapshot, look, remembered
from exporter.collectors.process_sources.matched import MatchedEntry
from exporter.collectors.processes import Processes
from exporter.proc.groups import Used, group_families
from exporter.proc.processes import Process
from exporter.threads import in_thread
from tests.exporter.collectors.test_processes import collected
from tests.exporter.proc.tree import STAT, process, write
from tests.exporter.reading import samples, value
from tests.servers.process import until

MACHINE = MatchedEntry(name="machine", match=".+", by="command")
STATUS = "Name:\tapp\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n"


def tree(tmp_path: Path, *commands: str) -> Snapshot:
    """A machine with one process of each command, from pid 100 on."""
    write(tmp_path, {"stat": STAT})
    for number, name in enumerate(commands):
        process(tmp_path, 100 + number, name=name, cmdline=f"/bin/{name}\0", status=STATUS)
    return Snapshot(tmp_path)


def every(snapshot: Snapshot, split: int) -> Reading:
    return Reading(up=True, roots=tuple(snapshot.processes), family=False, split=split)


def numbers(snapshot: Snapshot, **readings: Reading) -> dict[str, int]:
    return {one.name: len(one.members) for one in groups(readings, snapshot, Commands())}


def dropped() -> float:
    labels = {"metric": "namedprocess_namegroup"}
    return REGISTRY.get_sample_value("prunella_series_dropped_total", labels) or 0.0


def test_processes_are_grouped_by_their_command(tmp_path: Path) -> None:
    snapshot = tree(tmp_path, "nginx", "nginx", "redis")
    assert numbers(snapshot, machine=every(snapshot, split=10)) == {"nginx": 2, "redis": 1}


def test_what_an_entry_has_is_in_no_commands_group(tmp_path: Path) -> None:
    snapshot = tree(tmp_path, "python", "python", "nginx")
    api = Reading(up=True, roots=(100,))
    found = numbers(snapshot, machine=every(snapshot, split=10), api=api)
    assert found == {"api": 1, "python": 1, "nginx": 1}


def test_a_command_of_an_entrys_name_is_not_a_second_series(tmp_path: Path) -> None:
    snapshot = tree(tmp_path, "nginx", "nginx", "nginx")
    nginx = Reading(up=True, roots=(100,), family=False)
    assert numbers(snapshot, nginx=nginx, machine=every(snapshot, split=10)) == {"nginx": 3}


def test_a_flood_of_commands_is_capped_and_counted(tmp_path: Path) -> None:
    snapshot = tree(tmp_path, *(f"job-{number}" for number in range(50)))
    before = dropped()
    found = numbers(snapshot, machine=every(snapshot, split=5))
    assert (len(found), found["other"]) == (6, 45)
    assert dropped() - before == 45


def test_a_command_keeps_its_group_while_one_of_its_processes_lives() -> None:
    commands = Commands()
    old, large = Process(1, 0, 0, 0, 10, 1, name="old"), Process(2, 0, 0, 0, 999, 1, name="large")
    assert set(commands.grouped("machine", [old], 1)) == {"old"}
    assert set(commands.grouped("machine", [old, large], 1)) == {"old", "other"}
    assert set(commands.grouped("machine", [large], 1)) == {"large"}


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a}b 1", "# HELP x", "\udcff", "o) S 1 (p", "🦊"])
def test_a_hostile_name_is_one_label_and_breaks_no_line(tmp_path: Path, name: str) -> None:
    snapshot = tree(tmp_path, "app")
    text = (tmp_path / "100/stat").read_bytes()
    hostile = text.replace(b"(app)", b"(" + name.encode("utf-8", "surrogateescape") + b")")
    (tmp_path / "100/stat").write_bytes(hostile)
    snapshot = Snapshot(tmp_path)
    together = list(groups({"machine": every(snapshot, split=9)}, snapshot, Commands()))
    families = list(group_families(together, Used().add(together, 1.0), 0.0))
    body, _ = page.metrics(families, "", "", None)
    shown = [line for line in body.decode().splitlines() if line.startswith("namedprocess")]
    assert len([line for line in shown if "num_procs" in line]) == 1
    assert {line.rpartition(" ")[0].count("groupname=") for line in shown} == {1}


def test_a_child_that_nobody_asked_for_is_a_zombie_of_its_group(tmp_path: Path) -> None:
    write(tmp_path, {"stat": STAT})
    process(tmp_path, 100, status=STATUS)
    process(tmp_path, 101, parent=100, state="Z")
    snapshot = Snapshot(tmp_path)
    (group,) = groups({"api": Reading(up=True, roots=(100,))}, snapshot, Commands())
    assert (len(group.members), group.zombies) == (1, 1)


def test_a_zombie_alone_is_a_process_that_is_down(tmp_path: Path) -> None:
    write(tmp_path, {"stat": STAT})
    process(tmp_path, 100, state="Z")
    seen = look(("a", "pm2", ""), Reading(up=True, roots=(100,)), None, None, Snapshot(tmp_path))
    assert seen.resident is None


OURS = Path("/proc/self/comm")


@pytest.mark.skipif(not OURS.exists(), reason="commands are read from /proc")
async def test_this_machine_by_command_has_our_own_process() -> None:
    found = await collected(MACHINE)
    name = (await in_thread(OURS.read_text)).strip()
    assert (value(found, "namedprocess_namegroup_num_procs", groupname=name) or 0) >= 1
    assert len(samples(found, "prunella_process_up")) == 1
    assert found.problems == ()


async def test_a_process_that_comes_and_goes_takes_its_group_with_it(tmp_path: Path) -> None:
    name = "prunella-brief"
    (tmp_path / name).symlink_to("/bin/sleep")
    collector = Processes([MACHINE], World())

    async def there() -> bool:
        found = await collected(collector=collector)
        return value(found, "namedprocess_namegroup_num_procs", groupname=name) is not None

    running = await asyncio.create_subprocess_exec(tmp_path / name, "600")
    try:
        await until(there, "its group is there")
    finally:
        running.kill()
        await running.wait()
    assert not await there()


def test_a_pid_that_has_another_process_now_is_no_step_back(tmp_path: Path) -> None:
    """The kernel gives numbers again: the group's counter goes on, and the line that is matched is the new one's."""
    tree(tmp_path, "app")
    lines = remembered(tmp_path)
    used, commands = Used(), Commands()

    def scraped(now: float) -> tuple[float, str]:
        snapshot = Snapshot(tmp_path, lines)
        together = list(groups({"machine": every(snapshot, split=9)}, snapshot, commands))
        totals = used.add(together, now)
        return totals["app"][0], snapshot.command_lines[100]

    assert scraped(100.0) == (0.0, "/bin/app")
    text = (tmp_path / "100/stat").read_text()
    (tmp_path / "100/stat").write_text(
        text.replace(" 200 100 ", " 50 10 ").replace(" 6000 ", " 99000 ")
    )
    (tmp_path / "100/cmdline").write_text("/bin/app\0--second\0")
    assert scraped(1000.0) == (0.5, "/bin/app --second")


def test_a_process_that_ends_between_two_looks_is_left_out(tmp_path: Path) -> None:
    snapshot = tree(tmp_path, "app", "app")
    shutil.rmtree(tmp_path / "100")
    (group,) = groups({"machine": every(snapshot, split=9)}, snapshot, Commands())
    assert len(group.members) == 2  # both were there when the table was read
    families = list(group_families([group], Used().add([group], 1.0), 0.0))
    assert value(families, "namedprocess_namegroup_open_filedesc") is None


@pytest.mark.server
async def test_a_process_that_renames_itself_is_found_by_its_new_line(tmp_path: Path) -> None:
    """As PostgreSQL's do, right after they were started."""
    code = "import ctypes, sys, time; libc = ctypes.CDLL(None); print('on', flush=True); sys.stdin.readline(); libc.prctl(15, b'renamed-app'); print('done', flush=True); time.sleep(60)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    collector = Processes([MACHINE], World())
    try:
        await process.stdout.readline()
        await collected(collector=collector)
        process.stdin.write(b"go\n")
        await process.stdout.readline()
        found = await collected(collector=collector)
        assert value(found, "namedprocess_namegroup_num_procs", groupname="renamed-app") == 1
    finally:
        process.kill()
        await process.communicate()


def as_nobody(call: Callable[[], object]) -> object:
    """What it gives to somebody who has no rights here; in a child, because there is no way back."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with os.fdopen(writing, "w") as answer:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            json.dump(call(), answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        found = json.load(said)
    os.waitpid(pid, 0)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="process 1 is somebody else's on Linux")
def test_of_a_strangers_process_what_may_be_seen_is_shown_and_nothing_is_made_up() -> None:
    def told() -> object:
        snapshot = Snapshot(Path("/proc"))
        reading = Reading(up=True, roots=(1,), family=False)
        seen = look(("init", "match", ""), reading, None, None, snapshot)
        (group,) = groups({"init": reading}, snapshot, Commands())
        (member,) = group.members
        return [seen.up, bool(seen.resident), bool(seen.cpu), member.details.read]

    assert as_nobody(told) == [True, True, True, None]
