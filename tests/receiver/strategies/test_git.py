from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from receiver.strategies.base import StrategyError
from tests.receiver.strategies.places import HOSTILE, in_the_open, tree
from tests.receiver.strategies.repositories import (
    a_clone,
    a_worktree,
    an_origin,
    commit,
    git,
    strategy,
    tools,
)
from tests.servers.troubles import unprivileged

BARE = pytest.mark.parametrize("options", [["--bare"], []], ids=["bare", "with a work tree"])


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return an_origin(tmp_path_factory.mktemp("git"))


@pytest.fixture
def origin(tmp_path: Path, made_once: Path) -> Path:
    return shutil.copytree(made_once, tmp_path / "origin")


async def refusal(path: Path, version: str = "v1", **options: object) -> str:
    """Why preflight says no; it changed nothing."""
    before = tree(path)
    with pytest.raises(StrategyError) as caught:
        await strategy(path, **options).preflight(version, tools())
    assert not caught.value.started
    assert tree(path) == before
    return str(caught.value)


def named(path: Path) -> list[str]:
    """What lies in the folder of the releases."""
    return sorted(one.name for one in (path / "releases").iterdir())


@BARE
async def test_a_release_that_is_there_is_pointed_at(
    tmp_path: Path, origin: Path, options: list[str]
) -> None:
    path = a_clone(tmp_path, origin, *options)
    a_worktree(path, "v1")
    said = await strategy(path).preflight("v1", tools())
    assert said.startswith(
        f"{path}/releases/v1 at {git('rev-parse', 'v1', at=origin)[:12]}: 3 files"
    )
    await strategy(path).activate("v1", tools())
    assert (path / "current/version").read_text() == "v1"
    assert await strategy(path).active(tools()) == "v1"


@BARE
@pytest.mark.parametrize("version", ["v1", "v3"])
async def test_one_that_is_not_there_is_made_beside_the_live_one(
    tmp_path: Path, origin: Path, options: list[str], version: str
) -> None:
    path = a_clone(tmp_path, origin, *options)
    live = tree(path / "releases/v2")
    assert "is to be made of" in await strategy(path).preflight(version, tools())
    assert named(path) == ["v2"]
    await strategy(path).activate(version, tools())
    assert (path / "current/version").read_text() == version
    assert named(path) == sorted(["v2", version])
    assert tree(path / "releases/v2") == live


async def test_what_it_made_is_a_worktree_like_the_operators_own(
    tmp_path: Path, origin: Path
) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    await strategy(path).activate("v1", tools())
    assert git("status", "--porcelain", at=path / "current") == ""
    listed = git("worktree", "list", "--porcelain", at=path / "repo")
    assert f"worktree {path}/releases/v1\n" in listed + "\n"
    assert "prunable" not in listed
    git("worktree", "remove", path / "releases/v1", at=path / "repo")


async def test_doing_it_twice_is_doing_it_once(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    await strategy(path).activate("v1", tools())
    before = tree(path / "releases")
    await strategy(path).activate("v1", tools())
    assert tree(path / "releases") == before


@pytest.mark.parametrize("length", [7, 12, 40])
async def test_a_commit_is_a_version_too(tmp_path: Path, origin: Path, length: int) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    version = git("rev-parse", "v1", at=origin)[:length]
    await strategy(path).preflight(version, tools())
    await strategy(path).activate(version, tools())
    assert (path / "current/version").read_text() == "v1"
    assert (path / "current").readlink() == Path("releases", version)


async def test_a_branch_is_no_version_because_it_moves(tmp_path: Path, origin: Path) -> None:
    git("branch", "deadbeef", "v1", at=origin)
    path = a_clone(tmp_path, origin, "--bare")
    for branch in ("main", "HEAD", "deadbeef"):
        assert f"has no commit for {branch}, and nothing is fetched" in await refusal(path, branch)


EXPRESSIONS = [
    "v1~1", "v1^", "v2^{tree}", "@", "v1@{0}", ":/first", "v1:version", "v*", "[v]1", "v1.lock", "v1.", "^v1",
]  # fmt: skip


async def test_what_git_would_read_as_something_else_is_refused(
    tmp_path: Path, origin: Path
) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    before = tree(path)
    for version in (*HOSTILE, *EXPRESSIONS):
        assert await refusal(path, version)
        with pytest.raises(StrategyError):
            await strategy(path).activate(version, tools())
    assert tree(path) == before


async def test_a_tag_that_is_no_commit_is_refused(tmp_path: Path, origin: Path) -> None:
    git("tag", "tree", "v1^{tree}", at=origin)
    assert "has no commit for tree" in await refusal(a_clone(tmp_path, origin, "--bare"), "tree")


async def test_a_shallow_clone_that_lacks_the_commit_says_how_to_fetch_it(
    tmp_path: Path, origin: Path
) -> None:
    full = git("rev-parse", "v1", at=origin)
    path = a_clone(tmp_path, origin, "--bare", "--depth=1", "--branch=main", live=None)
    for version in ("v1", full):
        said = await refusal(path, version)
        assert f"has no commit for {version}, and nothing is fetched: `git -C" in said
        assert "--unshallow" in said


async def test_a_partial_clone_that_lacks_a_file_is_refused_and_fetches_nothing(
    tmp_path: Path, origin: Path
) -> None:
    git("config", "uploadpack.allowFilter", "true", at=origin)
    path = a_clone(tmp_path, origin, "--bare", "--filter=blob:none", live=None)
    assert "lacks a part of" in await refusal(path)
    with pytest.raises(StrategyError, match="lacks a part of"):
        await strategy(path).activate("v1", tools())
    assert named(path) == []


async def test_a_clone_that_lost_an_object_is_refused(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare", live=None)
    shutil.rmtree(path / "repo")
    git("clone", "--quiet", "--bare", origin, path / "repo", at=tmp_path)  # one file an object
    blob = git("rev-parse", "v1:lib/app", at=origin)
    (path / "repo/objects" / blob[:2] / blob[2:]).unlink()
    assert "lacks a part of" in await refusal(path)


async def test_what_was_changed_in_a_worktree_is_named(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    folder = a_worktree(path, "v1")
    (folder / "version").write_text("v9")
    assert "v1 is not clean: version is changed" in await refusal(path)
    git("checkout", "--", "version", at=folder)
    (folder / "lib/app").unlink()
    assert "lib/app is changed" in await refusal(path)
    git("checkout", "--", "lib/app", at=folder)
    (folder / "patch.js").write_text("evil()")
    assert "patch.js is added; what belongs there besides" in await refusal(path)


async def test_a_change_that_hides_from_git_is_found(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    folder = a_worktree(path, "v1")
    times = (folder / "version").stat()
    git("update-index", "--assume-unchanged", "version", at=folder)
    (folder / "version").write_text("v9")
    os.utime(folder / "version", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert git("status", "--porcelain", at=folder) == ""
    assert "version is changed" in await refusal(path)


async def test_what_git_ignores_belongs_to_a_release(tmp_path: Path, origin: Path) -> None:
    commit(origin, "ignore", "v4", **{".gitignore": "node_modules/\n"})
    path = a_clone(tmp_path, origin, "--bare", live="v4")
    (path / "releases/v4/node_modules").mkdir()
    (path / "releases/v4/node_modules/x.js").write_text("1")
    await strategy(path, requires=["node_modules"]).preflight("v4", tools())


async def test_touched_files_are_unchanged_files(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    folder = a_worktree(path, "v1")
    for file in (folder / "version", folder / "lib/app", folder):
        os.utime(file, (2e9, 2e9))
    await strategy(path).preflight("v1", tools())
    await strategy(path).activate("v1", tools())
    assert (path / "current/version").read_text() == "v1"


async def test_a_bad_release_may_be_changed_and_still_be_put_forward_again(
    tmp_path: Path, origin: Path
) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    a_worktree(path, "v1")
    await strategy(path).activate("v1", tools())
    (path / "releases/v2/crash.log").write_text("oops")
    await strategy(path).way_back("v2", tools())
    await strategy(path).restore("v2", tools())
    assert (path / "current/version").read_text() == "v2"


async def test_a_worktree_of_another_commit_is_refused(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    folder = a_worktree(path, "v1")
    git("checkout", "--quiet", "v3", at=folder)
    assert "releases/v1 is at" in await refusal(path)
    with pytest.raises(StrategyError, match="and not at"):
        await strategy(path).activate("v1", tools())


async def test_a_folder_that_is_no_worktree_of_this_clone_is_refused(
    tmp_path: Path, origin: Path
) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    (path / "releases/v1").mkdir()
    assert "releases/v1 is no worktree: No such file" in await refusal(path)
    shutil.rmtree(path / "releases/v1")
    git("clone", "--quiet", "--branch=v1", origin, path / "releases/v1", at=tmp_path)
    assert "releases/v1 is no worktree: Is a directory" in await refusal(path)
    shutil.rmtree(path / "releases/v1")
    git("worktree", "add", "--quiet", path / "releases/v1", "v1", at=origin)
    assert f"is no worktree of {path}/repo" in await refusal(path)


async def test_what_is_not_built_is_refused(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    await strategy(path, requires=["lib", "lib/app", "version/"]).preflight("v1", tools())
    said = await refusal(path, requires=["lib", "node_modules"])
    assert "has no node_modules, which `requires` names, and nothing is built from here" in said
    with pytest.raises(StrategyError, match="nothing is built"):
        await strategy(path, requires=["node_modules"]).activate("v1", tools())
    a_worktree(path, "v1")
    assert "has no node_modules, which `requires` names" in await refusal(
        path, requires=["node_modules"]
    )


async def test_what_is_kept_elsewhere_is_refused(tmp_path: Path, origin: Path) -> None:
    commit(origin, "big", "lfs", **{"lib__.gitattributes": "*.bin filter=lfs diff=lfs -text\n"})
    commit(origin, "none", **{"lib__.gitattributes": ""})
    link = f"160000,{git('rev-parse', 'v1', at=origin)},lib/part"
    git("update-index", "--add", "--cacheinfo", link, at=origin)
    git("commit", "--quiet", "--message", "parts", at=origin)
    git("tag", "parts", at=origin)
    path = a_clone(tmp_path, origin, "--bare")
    assert "keeps files in Git LFS" in await refusal(path, "lfs")
    assert "lib/part of" in await refusal(path, "parts")


async def test_no_hook_and_no_setting_of_ours_has_a_say(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    hook = path / "repo/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-here\n")
    hook.chmod(0o755)
    git("config", "core.fsmonitor", str(hook), at=path / "repo")
    git("config", "core.sparseCheckout", "true", at=path / "repo")
    await strategy(path).preflight("v1", tools())
    await strategy(path).activate("v1", tools())
    assert not (tmp_path / "was-here").exists()
    assert (path / "current/lib/app").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_a_clone_that_is_another_users_is_read_all_the_same(
    tmp_path: Path, origin: Path
) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    for one in (path, path / "repo", *(path / "repo").rglob("*")):
        os.chown(one, 65534, 65534)
    await strategy(path).preflight("v1", tools())
    await strategy(path).activate("v1", tools())
    assert (path / "current/version").read_text() == "v1"


async def test_what_git_says_to_people_is_no_answer(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    a_worktree(path, "v1")
    talks = tmp_path / "git"
    talks.write_text('#!/bin/sh\necho "warning: the moon is full" >&2\nexec git "$@"\n')
    talks.chmod(0o755)
    for version in ("v1", "v3"):
        await strategy(path).preflight(version, tools(git=str(talks)))
        await strategy(path).activate(version, tools(git=str(talks)))
        assert (path / "current/version").read_text() == version


async def test_where_we_may_not_write_no_checkout_is_tried(origin: Path) -> None:
    with in_the_open() as folder:
        path = a_clone(folder, origin, "--bare")
        path.chmod(0o777)
        with unprivileged(), pytest.raises(StrategyError, match=r"not write to .*/repo") as caught:
            await strategy(path).preflight("v1", tools())
    assert not caught.value.started


async def test_a_repo_that_is_none_is_said(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    (path / "repo").rename(path / "elsewhere")
    assert "not a git repository" in await refusal(path)
    with pytest.raises(StrategyError, match="cannot start") as caught:
        await strategy(path).preflight("v1", tools(git="/no/such/git"))
    assert not caught.value.started


async def test_room_for_the_checkout_is_asked_before(tmp_path: Path, origin: Path) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    assert f"and {2**60 + 6} are wanted" in await refusal(path, room=2**60)  # 6 bytes of files


async def test_a_disk_that_fills_up_leaves_the_live_one_and_done_again_it_ends_whole(
    tmp_path: Path, origin: Path
) -> None:
    commit(origin, "large", "large", heavy="x" * 100_000)
    path = a_clone(tmp_path, origin, "--bare")
    full = tmp_path / "git"
    full.write_text('#!/bin/sh\nulimit -f 32\nexec git "$@"\n')  # no file is larger than 32 blocks
    full.chmod(0o755)
    with pytest.raises(StrategyError, match="git worktree") as caught:
        await strategy(path).activate("large", tools(git=str(full)))
    assert not caught.value.started  # nothing that serves was touched
    assert await strategy(path).active(tools()) == "v2"
    assert "large" not in named(path)
    await strategy(path).activate("large", tools())
    assert (path / "current/heavy").stat().st_size == 100_000
    assert named(path) == ["large", "v2"]


async def test_a_half_checkout_of_somebody_else_is_never_taken_for_whole(
    tmp_path: Path, origin: Path
) -> None:
    path = a_clone(tmp_path, origin, "--bare")
    git("worktree", "add", "--quiet", "--no-checkout", path / "releases/v1", "v1", at=path / "repo")
    assert "releases/v1 is not clean: lib/app is changed" in await refusal(path)


async def test_what_came_with_the_bad_release_is_told_in_a_few_lines(
    tmp_path: Path, origin: Path
) -> None:
    for number in range(25):
        git("commit", "--quiet", "--allow-empty", "-m", f"change {number} \x1b[31m", at=origin)
    git("tag", "v4", at=origin)
    path = a_clone(tmp_path, origin, "--bare")
    subjects = [
        line.split(" ", 1)[1]
        for line in (await strategy(path).history("v1", "v3", tools())).splitlines()
    ]
    assert subjects == ["mend the login", "make it faster"]
    many = (await strategy(path).history("v1", "v4", tools())).splitlines()
    assert len(many) == 21
    assert many[-1] == "…"
    assert "\x1b" not in "".join(many)
    assert await strategy(path).history("v1", "nobody knows", tools()) == ""
