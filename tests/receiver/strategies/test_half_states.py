"""Whatever a killed receiver, or one before it, has left: doing it again ends in the same place."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.strategies.layout import Layout
from tests.receiver.strategies import repositories
from tests.receiver.strategies.killing import every_step, in_a_process
from tests.receiver.strategies.places import a_place, activate
from tests.receiver.strategies.programs import deploy
from tests.servers.family import family_of, kill
from tests.servers.process import until


def _lay(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    a_place(folder, "v1", "v2", current="v2")


def test_killed_at_any_step_the_link_is_the_old_or_the_new_and_done_again_it_is_the_new(
    tmp_path: Path,
) -> None:
    place, path, seen = tmp_path / "place", tmp_path / "place/api", []
    for _ in every_step(partial(_lay, place), partial(activate, path, "v1")):
        seen.append((Layout(path).active(), (path / ".current.prunella").is_symlink()))
        activate(path, "v1")
        assert (path / "current/version").read_text() == "v1"
        assert sorted(one.name for one in path.iterdir()) == ["current", "releases"]
    assert {("v2", False), ("v2", True), ("v1", False)} == set(seen)


def _lay_again(saved: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(saved, folder, symlinks=True)


def test_killed_at_any_step_a_checkout_is_whole_or_not_there_and_done_again_it_is_live(
    tmp_path: Path,
) -> None:
    origin, place, path = (
        repositories.an_origin(tmp_path),
        tmp_path / "place",
        tmp_path / "place/api",
    )
    place.mkdir()
    repositories.a_clone(place, origin, "--bare")
    saved, seen = place.rename(tmp_path / "saved"), set()
    for _ in every_step(
        partial(_lay_again, saved, place), partial(repositories.activate, path, "v1")
    ):
        made = (path / "releases/v1").exists()
        assert Layout(path).active() in ({"v1", "v2"} if made else {"v2"})
        if made:
            assert (path / "releases/v1/lib/app").read_text() == "pass"
        seen.add((made, (path / "releases/.making-v1").exists(), Layout(path).active()))
        repositories.activate(path, "v1")
        assert (path / "current/version").read_text() == "v1"
        assert sorted(one.name for one in (path / "releases").iterdir()) == ["v1", "v2"]
        assert "prunable" not in repositories.git(
            "worktree", "list", "--porcelain", at=path / "repo"
        )
    assert seen == {
        (False, False, "v2"),
        (False, True, "v2"),
        (True, False, "v2"),
        (True, False, "v1"),
    }


def _lay_programs(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    deploy(folder, "v2")


def test_killed_between_two_programs_both_are_run_again(tmp_path: Path) -> None:
    place, seen = tmp_path / "place", set()
    for _ in every_step(partial(_lay_programs, place), partial(deploy, place, "v1")):
        seen.add(((place / "staged").read_text(), (place / "live").read_text()))
        deploy(place, "v1")
        assert (place / "live").read_text() == "v1\n"
    assert seen == {("v2\n", "v2\n"), ("v1\n", "v2\n"), ("v1\n", "v1\n")}


LEFT = st.sampled_from(
    [None, "releases/v1", "releases/v2", "releases/gone", "nowhere", "/dev/null"]
)


@settings(max_examples=40)
@given(
    current=st.sampled_from([None, "v1", "v2", "gone"]),
    coming=LEFT,
    to=st.sampled_from(["v1", "v2"]),
)
def test_from_any_half_state_it_ends_in_the_same_place(
    current: str | None, coming: str | None, to: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = a_place(Path(folder), "v1", "v2", current=current)
        if coming is not None:
            (path / ".current.prunella").symlink_to(coming)
        activate(path, to)
        assert (path / "current").readlink() == Path("releases", to)
        assert sorted(one.name for one in path.iterdir()) == ["current", "releases"]
        assert (path / "releases/v1/version").read_text() == "v1"


async def test_killed_in_the_middle_of_a_checkout_the_half_is_thrown_away(tmp_path: Path) -> None:
    origin = repositories.an_origin(tmp_path)
    path = repositories.a_clone(tmp_path, origin, "--bare")
    (path / "repo/info").mkdir(exist_ok=True)
    (path / "repo/info/attributes").write_text("version filter=slow\n")
    slow = f"sh -c 'touch {tmp_path}/half; exec sleep 60'"
    repositories.git("config", "filter.slow.smudge", slow, at=path / "repo")
    receiver = in_a_process(partial(repositories.activate, path, "v1"))
    await until((tmp_path / "half").exists, "the checkout is half done")
    kill(family_of(receiver.pid or 0))
    assert (path / "releases/.making-v1/lib/app").exists()
    repositories.git("config", "--unset", "filter.slow.smudge", at=path / "repo")
    await repositories.strategy(path).activate("v1", repositories.tools())
    assert (path / "current/version").read_text() == "v1"
    assert sorted(one.name for one in (path / "releases").iterdir()) == ["v1", "v2"]
