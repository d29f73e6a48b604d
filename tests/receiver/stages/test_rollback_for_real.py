"""The strategies under the whole engine: files on a disk, git, programs; only what is restarted is a file that it writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from receiver.decide.going_back import Step
from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.outside.programs import SystemPrograms
from receiver.strategies.layout import Layout
from tests.receiver.rig import CONFIG, Rig, firing, rig
from tests.receiver.stages.rollbacks import live_and_bad, the_book, the_rollback, with_programs
from tests.receiver.strategies.places import a_place
from tests.receiver.strategies.programs import a_script
from tests.receiver.strategies.repositories import a_clone, a_worktree, an_origin

GATE = {"healthy": "shop:healthy"}


@asynccontextmanager
async def deployed(
    folder: Path, release: dict[str, Any], reload: str, *, check: str = "cat", **book: Any
) -> AsyncIterator[Rig]:
    """v1 is good and v2 serves; `reload` is a shell script, and `serving` what it writes."""
    (folder / "serving").write_text("v2\n")
    restart = [str(a_script(folder, "reload", reload))]
    shop = {
        "matchers": ['service="shop"'],
        "http": {"base_url": "http://127.0.0.1:1"},
        "process": {"manager": "command", "restart": restart, "reload": restart},
        "release": {
            "version": {"command": [check, str(folder / "serving")]},
            "gate": GATE,
            **release,
        },
    }
    verify = {"settle": "1s", "within": "10s", "every": "2s", "checks": [{"http": {"path": "/"}}]}
    targets = {"shop": shop, "cache": CONFIG["targets"]["cache"]}
    async with rig(targets=targets, playbooks=[the_book(verify=verify, **book)]) as made:
        with_programs(made, SystemPrograms())
        await live_and_bad(made)
        yield made


def follows(folder: Path) -> str:
    """Has serve what `current` points at."""
    return f'basename "$(readlink {folder}/api/current)" > {folder}/serving'


async def run(rig: Rig) -> Step:
    await rig.deliver(firing())
    await rig.settle()
    return (await the_rollback(rig)).step


async def test_a_link_is_gone_back_to_and_proven(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    release = {"strategy": "symlink", "path": path}
    async with deployed(tmp_path, release, follows(tmp_path)) as rig:
        assert await run(rig) is Step.ROLLED_BACK
    assert (path / "current").readlink() == Path("releases/v1")
    assert (path / "releases" / "v2").is_dir()
    assert (tmp_path / "serving").read_text() == "v1\n"


@pytest.mark.parametrize("strategy", ["symlink", "git"])
async def test_a_deploy_script_that_holds_the_lock_is_waited_for(
    strategy: str, tmp_path: Path
) -> None:
    path = a_clone(tmp_path, an_origin(tmp_path), live="v2")
    a_worktree(path, "v1")
    release = {"strategy": strategy, "path": path}
    async with deployed(tmp_path, release, follows(tmp_path)) as rig:
        with Layout(path).alone():
            await rig.deliver(firing())
            await rig.settle()
            await rig.wait(60)
            waits = await rig.incident()
            assert (waits.state, waits.reason) == (State.BLOCKED, Reason.DEPLOY_IN_FLIGHT)
            assert await rig.journal.rollbacks() == ()
        await rig.wait(35)
        assert (await the_rollback(rig)).step is Step.ROLLED_BACK
    assert (path / "current").readlink() == Path("releases/v1")


async def test_a_deploy_that_never_lets_go_of_the_lock_is_a_humans(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    release = {"strategy": "symlink", "path": path}
    async with deployed(tmp_path, release, "exit 0", blocked_max="2m") as rig:
        with Layout(path).alone():
            await rig.deliver(firing())
            await rig.settle()
            await rig.wait(200)
            given_up = await rig.incident()
    assert (given_up.state, given_up.reason) == (State.ESCALATED, Reason.BLOCKED_TOO_LONG)


async def test_a_worktree_is_gone_back_to_and_what_came_between_is_noted(tmp_path: Path) -> None:
    path = a_clone(tmp_path, an_origin(tmp_path), live="v2")
    a_worktree(path, "v1")
    async with deployed(tmp_path, {"strategy": "git", "path": path}, follows(tmp_path)) as rig:
        assert await run(rig) is Step.ROLLED_BACK
        rows = await rig.events("rollback")
        told = [one["text"] for one in await rig.told() if one["event"] == "acted"]
    assert "make it faster" in rows[-1]["history"]
    assert "make it faster" in told[0]
    assert (path / "current").readlink() == Path("releases/v1")


async def test_a_release_that_is_gone_leaves_the_running_process_untouched(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v2", current="v2")
    release = {"strategy": "symlink", "path": path}
    async with deployed(tmp_path, release, f"echo restarted >> {tmp_path}/log") as rig:
        await rig.deliver(firing())
        await rig.settle()
        assert (await rig.incident()).state is State.ESCALATED
        (told, *_) = [one["text"] for one in await rig.told() if one["event"] == "acted"]
    assert "v1" in told
    assert not (tmp_path / "log").exists()
    assert (path / "current").readlink() == Path("releases/v2")


async def test_a_reload_that_ends_well_while_the_old_version_serves_has_failed(
    tmp_path: Path,
) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    async with deployed(tmp_path, {"strategy": "symlink", "path": path}, "exit 0") as rig:
        assert await run(rig) is Step.RESTORED
        assert (await rig.incident()).state is State.ESCALATED
    assert (path / "current").readlink() == Path("releases/v2")


async def test_the_middle_program_of_several_fails_and_the_old_version_is_put_back(
    tmp_path: Path,
) -> None:
    switch = str(a_script(tmp_path, "switch", f'echo "$1" > {tmp_path}/serving'))
    breaks = str(a_script(tmp_path, "breaks", "exit 3"))
    release = {
        "strategy": "command",
        "activate": [[switch, "{version}"], [breaks], [switch, "{version}"]],
        "restore": [switch, "{version}"],
    }
    async with deployed(tmp_path, release, "exit 0") as rig:
        assert await run(rig) is Step.RESTORED
        assert "ended with 3" in (await the_rollback(rig)).why
    assert (tmp_path / "serving").read_text() == "v2\n"


def hosts(folder: Path, broken: str = "") -> dict[str, Any]:
    """Two machines, each with a file of what serves there; on `broken` it stays what it was."""
    for host in ("web1", "web2"):
        (folder / host).write_text("v2\n")
    write = f'echo "$2 $1" >> {folder}/log; [ "$1 $2" = "v1 {broken}" ] || echo "$1" > {folder}/$2'
    switch = str(a_script(folder, "switch", write))
    ask = str(a_script(folder, "ask", f"cat {folder}/$1"))
    return {
        "strategy": "command",
        "activate": [switch, "{version}", "{host}"],
        "hosts": ["web1", "web2"],
        "starts": True,
        "version": {"command": [ask, "{host}"]},
    }


async def test_programs_of_the_operators_own_go_back_on_two_machines(tmp_path: Path) -> None:
    async with deployed(tmp_path, hosts(tmp_path), "exit 0") as rig:
        assert await run(rig) is Step.ROLLED_BACK
    assert (tmp_path / "log").read_text().splitlines() == ["web1 v1", "web2 v1"]


async def test_a_second_machine_that_fails_stops_it_and_both_are_put_forward_again(
    tmp_path: Path,
) -> None:
    async with deployed(tmp_path, hosts(tmp_path, broken="web2"), "exit 0") as rig:
        assert await run(rig) is Step.RESTORED
        assert "web2" in (await the_rollback(rig)).why
    done = (tmp_path / "log").read_text().splitlines()
    assert done == ["web1 v1", "web2 v1", "web2 v2", "web1 v2"]
    assert (tmp_path / "web1").read_text() == (tmp_path / "web2").read_text() == "v2\n"
