from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from receiver.journal import Fenced
from receiver.strategies.base import StrategyError
from receiver.strategies.layout import Layout
from tests.receiver.stand_ins import a_toolbox
from tests.receiver.strategies.places import HOSTILE, a_place, a_release, in_the_open, symlink, tree
from tests.servers.process import running, start, until
from tests.servers.troubles import unprivileged

TOOLS = a_toolbox()
DOCUMENTED = (Path(__file__).parents[3] / "docs/releases.md").read_text()


async def refusal(path: Path, version: str = "v1", **options: object) -> str:
    """Why preflight says no; it changed nothing."""
    before = tree(path)
    with pytest.raises(StrategyError) as caught:
        await symlink(path, **options).preflight(version, TOOLS)
    assert not caught.value.started
    assert tree(path) == before
    return str(caught.value)


def test_a_version_that_is_too_long_for_a_folder_is_refused(tmp_path: Path) -> None:
    assert symlink(tmp_path).version_of("é" * 100) == "é" * 100
    with pytest.raises(ValueError, match="at most 200 bytes"):
        symlink(tmp_path).version_of("é" * 101)


async def test_it_goes_back_and_forward_again(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    strategy = symlink(path)
    await strategy.preflight("v1", TOOLS)
    await strategy.activate("v1", TOOLS)
    assert (path / "current/version").read_text() == "v1"
    await strategy.restore("v2", TOOLS)
    assert (path / "current").readlink() == Path("releases/v2")
    assert sorted(one.name for one in path.iterdir()) == ["current", "releases"]


async def test_what_it_saw_is_said_in_figures(tmp_path: Path) -> None:
    said = await symlink(a_place(tmp_path, "v1", current="v1")).preflight("v1", TOOLS)
    assert "releases/v1: 2 files, 6 bytes; " in said
    assert said.endswith("bytes free")


async def test_doing_it_twice_is_doing_it_once(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    for _ in range(2):
        await symlink(path).activate("v1", TOOLS)
    assert await symlink(path).active(TOOLS) == "v1"


async def test_the_layout_is_seen(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    assert await symlink(path).active(TOOLS) == "v1"
    (path / "current").unlink()
    assert await symlink(path).active(TOOLS) is None
    (path / "current").symlink_to(path / "releases" / "gone")  # absolute, as Capistrano writes it
    assert await symlink(path).active(TOOLS) == "gone"


async def test_times_of_folders_mean_nothing(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", "v2", "v3", current="v3")
    os.utime(path / "releases/v2", (2e9, 2e9))
    os.utime(path / "releases/v1", (0, 0))
    await symlink(path).activate("v1", TOOLS)
    assert (path / "current/version").read_text() == "v1"


@pytest.mark.parametrize("version", HOSTILE)
async def test_a_version_that_is_no_folder_of_ours_is_refused(tmp_path: Path, version: str) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    assert await refusal(path, version)
    before = tree(path)
    with pytest.raises(StrategyError):
        await symlink(path).activate(version, TOOLS)
    assert tree(path) == before


@pytest.mark.parametrize("version", ["2026.11.21-1", "v1 rc1", "größer", "a" * 200])
async def test_an_odd_version_is_taken(tmp_path: Path, version: str) -> None:
    path = a_place(tmp_path, "v1", version, current="v1")
    await symlink(path).preflight(version, TOOLS)
    await symlink(path).activate(version, TOOLS)
    assert (path / "current/version").read_text() == version


async def test_a_version_that_no_file_system_can_name_is_refused(tmp_path: Path) -> None:
    path = a_place(tmp_path, current="v")
    assert "File name too long" in await refusal(path, "ü" * 200)
    for ask in (symlink(path).activate, symlink(path).way_back):
        with pytest.raises(StrategyError, match="File name too long") as caught:
            await ask("ü" * 200, TOOLS)
        assert not caught.value.started


def _gone(path: Path) -> None:
    (path / "releases/v1/version").unlink()
    (path / "releases/v1/lib/app.py").unlink()


def _a_link_elsewhere(path: Path) -> None:
    (path / "releases/v1").rename(path / "elsewhere")
    (path / "releases/v1").symlink_to("../elsewhere")


def _dangling(path: Path) -> None:
    (path / "releases/v1/config.yml").symlink_to("../../shared/config.yml")


def _in_a_circle(path: Path) -> None:
    (path / "releases/v1/loop").symlink_to("loop")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_gone, "v1 is empty"),
        (_a_link_elsewhere, "is no folder of its own"),
        (_dangling, "v1/config.yml is a link to nothing: ../../shared/config.yml"),
        (_in_a_circle, "v1/loop is a link to nothing"),
    ],
)
async def test_a_release_that_is_not_whole_is_refused(
    tmp_path: Path, broken: Callable[[Path], None], said: str
) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    broken(path)
    assert said in await refusal(path)


async def test_a_release_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v2", current="v2")
    assert await refusal(path) == f"there is no {path}/releases/v1"
    with pytest.raises(StrategyError, match="there is no"):
        await symlink(path).activate("v1", TOOLS)


async def test_a_config_that_is_shared_and_there_is_no_trouble(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    (path / "shared").mkdir()
    (path / "shared/config.yml").write_text("port: 1")
    (path / "releases/v1/config.yml").symlink_to("../../shared/config.yml")
    (path / "releases/v1/shared").symlink_to(path / "shared")
    assert "3 files" in await symlink(path).preflight("v1", TOOLS)


async def test_what_the_release_must_have_is_looked_for(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    await symlink(path, requires=["lib", "lib/app.py"]).preflight("v1", TOOLS)
    assert "has no node_modules, which" in await refusal(path, requires=["lib", "node_modules"])


@pytest.mark.parametrize("wrong", ["/etc/passwd", "../v2", "", "a/../../b"])
def test_what_is_required_lies_in_the_release(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValidationError, match="must be a path inside the release"):
        symlink(tmp_path, requires=[wrong])


async def test_what_we_may_not_read_is_named() -> None:
    with in_the_open() as folder:
        path = a_place(folder, "v1", current="v1")
        path.chmod(0o777)
        (path / "releases/v1/lib/app.py").chmod(0)
        with unprivileged(), pytest.raises(StrategyError, match=r"may not read .*/v1/lib/app.py"):
            await symlink(path).preflight("v1", TOOLS)
        (path / "releases/v1/lib").chmod(0)
        with unprivileged(), pytest.raises(StrategyError, match=r"may not read .*/v1/lib"):
            await symlink(path).preflight("v1", TOOLS)


async def test_where_we_may_not_write_nothing_is_tried() -> None:
    with in_the_open() as folder:
        path = a_place(folder, "v1", "v2", current="v2")
        path.chmod(0o755)
        before = tree(path)
        for ask in (symlink(path).preflight, symlink(path).activate):
            with unprivileged(), pytest.raises(StrategyError, match="may not write to") as caught:
                await ask("v1", TOOLS)
            assert not caught.value.started
        assert tree(path) == before


async def test_a_disk_that_is_full_is_seen_before(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    assert "bytes free, and 1152921504606846976 are wanted" in await refusal(path, room=2**60)


def manifest(folder: Path, name: str, *files: str) -> None:
    lines = [f"{hashlib.sha256((folder / f).read_bytes()).hexdigest()}  {f}\n" for f in files]
    (folder / name).write_text("".join(lines))


@pytest.mark.parametrize("name", ["MANIFEST", ".prunella-manifest"])
async def test_a_manifest_is_held_against_the_files(tmp_path: Path, name: str) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    folder = path / "releases/v1"
    manifest(folder, name, "version", "lib/app.py")
    assert "2 of them as the manifest says" in await symlink(path).preflight("v1", TOOLS)
    (folder / "lib/app.py").write_text("oops")
    assert f"v1/lib/app.py is not what {name} says" in await refusal(path)
    (folder / "lib/app.py").unlink()
    assert f"v1/lib/app.py is in {name}, and not there" in await refusal(path)


async def test_a_manifest_as_the_documentation_makes_it_is_read(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    make = "find . -type f ! -name .prunella-manifest -exec sha256sum {} + > .prunella-manifest"
    assert make in DOCUMENTED
    folder = path / "releases/v1"
    await (await asyncio.create_subprocess_exec("/bin/sh", "-c", make, cwd=folder)).wait()
    assert "2 of them" in await symlink(path).preflight("v1", TOOLS)


async def test_a_manifest_with_odd_names_is_read_as_sha256sum_writes_it(tmp_path: Path) -> None:
    path = a_place(tmp_path, current="v1")
    folder = a_release(path, "v1", {"a\nb\\n": "x"})
    digest = hashlib.sha256(b"x").hexdigest()
    (folder / "MANIFEST").write_text(f"\\{digest} *a\\nb\\\\n\n")
    assert "1 of them" in await symlink(path).preflight("v1", TOOLS)


@pytest.mark.parametrize(
    "line", ["what?", "0" * 64 + "  /etc/passwd", "0" * 64 + "  ../v2/version"]
)
async def test_a_manifest_that_says_something_else_is_refused(tmp_path: Path, line: str) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    (path / "releases/v1/.prunella-manifest").write_text(line + "\n")
    assert "line 1 of" in await refusal(path)


async def test_another_tools_manifest_is_a_file_like_any_other(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    (path / "releases/v1/MANIFEST").write_text(
        "# file GENERATED by distutils, do NOT edit\nsetup.py\n"
    )
    assert "3 files" in await symlink(path).preflight("v1", TOOLS)


async def test_a_real_folder_named_current_is_left(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1")
    (path / "current").mkdir()
    assert "current is a folder and no link" in await refusal(path)
    with pytest.raises(StrategyError):
        await symlink(path).activate("v1", TOOLS)
    assert (path / "current").is_dir()


async def test_a_file_named_current_is_left(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1")
    (path / "current").write_text("mine")
    assert "current is a file and no link" in await refusal(path)


@pytest.mark.parametrize(
    "target",
    ["/srv", "source", "..", "releases", "releases/v1/lib", "releases/../v1", "releases/.."],
)
async def test_a_link_that_leads_elsewhere_is_left(tmp_path: Path, target: str) -> None:
    path = a_place(tmp_path, "v1")
    (path / "current").symlink_to(target)
    assert "which is no release in" in await refusal(path)
    assert await symlink(path).active(TOOLS) is None
    with pytest.raises(StrategyError):
        await symlink(path).activate("v1", TOOLS)
    assert (path / "current").readlink() == Path(target)


async def test_a_link_to_a_release_that_is_gone_can_be_moved(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", current="gone")
    await symlink(path).preflight("v1", TOOLS)
    await symlink(path).activate("v1", TOOLS)
    assert (path / "current/version").read_text() == "v1"


async def test_releases_may_lie_on_another_disk(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    (path / "releases").rename(tmp_path / "disk")
    (path / "releases").symlink_to(tmp_path / "disk")
    await symlink(path).preflight("v1", TOOLS)
    await symlink(path).activate("v1", TOOLS)
    assert (path / "current/version").read_text() == "v1"


async def test_what_lies_in_the_way_of_the_new_link_is_not_deleted(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    (path / ".current.prunella").write_text("somebody's")
    with pytest.raises(StrategyError, match="File exists") as caught:
        await symlink(path).activate("v1", TOOLS)
    assert not caught.value.started
    assert (path / ".current.prunella").read_text() == "somebody's"


async def test_a_bad_release_may_be_broken_and_still_be_put_forward_again(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    _dangling(path)
    strategy = symlink(path)
    assert await strategy.way_back("v1", TOOLS) == f"{path}/releases/v1 is there"
    await strategy.restore("v1", TOOLS)
    with pytest.raises(StrategyError, match="there is no"):
        await strategy.way_back("v9", TOOLS)


def is_free(path: Path) -> bool:
    try:
        Layout(path).require_free()
    except StrategyError:
        return False
    return True


async def test_while_a_deploy_script_holds_the_lock_nothing_is_moved(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", "v2", current="v2")
    argv = ["flock", str(path), "sh", "-c", f"touch {tmp_path}/deploying; exec sleep 60"]
    deploy = start("deploy", argv, tmp_path)
    async with running(deploy, (tmp_path / "deploying").exists):
        assert f"a deploy holds the lock on {path} (flock)" in await refusal(path)
        for ask in (symlink(path).activate, symlink(path).way_back):
            with pytest.raises(StrategyError, match="holds the lock") as caught:
                await ask("v1", TOOLS)
            assert not caught.value.started
        deploy.kill()
    await until(lambda: is_free(path), "the kernel has given the lock back")
    await symlink(path).preflight("v1", TOOLS)
    await symlink(path).activate("v1", TOOLS)
    assert await symlink(path).active(TOOLS) == "v1"


async def test_against_a_script_that_knows_no_lock_the_last_one_wins_and_a_reader_sees_a_release(
    tmp_path: Path,
) -> None:
    path = a_place(tmp_path, "v1", "v2", "v3", current="v2")
    switch = "ln -s releases/$v next && mv -T next current"  # as Capistrano does
    loop = f"cd {path}; while :; do for v in v2 v3; do {switch}; done; done"
    seen: set[str] = set()
    overtaken: list[str] = []
    async with running(start("deploy", ["sh", "-c", loop], tmp_path), lambda: True):
        for _ in range(100):
            try:
                await symlink(path).activate("v1", TOOLS)
            except StrategyError as error:
                overtaken.append(str(error))
            seen.add((path / "current/version").read_text())
    assert seen <= {"v1", "v2", "v3"}
    assert len(overtaken) < 100
    assert all("was moved by somebody else at the same time" in one for one in overtaken)


async def test_without_the_lease_nothing_moves(tmp_path: Path) -> None:
    def over() -> None:
        raise Fenced("over")

    path = a_place(tmp_path, "v1", "v2", current="v2")
    with pytest.raises(Fenced):
        await symlink(path).activate("v1", replace(TOOLS, require_lease=over))
    assert await symlink(path).active(TOOLS) == "v2"


def test_a_process_that_is_started_from_one_release_never_follows(tmp_path: Path) -> None:
    path = a_place(tmp_path, "v1", current="v1")
    (tmp_path / "alias").symlink_to(path)
    for root in (path, tmp_path / "alias"):
        said = symlink(tmp_path / "alias").misses(["/", str(root / "releases/v1/app.js")])
        assert said is not None
        assert f"give its manager paths through {tmp_path}/alias/current" in said
    assert (
        symlink(path).misses([str(path / "current"), "/usr/bin/node", str(path / "releases2")])
        is None
    )
