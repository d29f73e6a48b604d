"""Whatever a killed receiver, or one before it, has left: doing it again ends in the same place."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.strategies.layout import Layout
from tests.receiver.strategies.killing import every_step
from tests.receiver.strategies.places import a_place, activate


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


LEFT = st.sampled_from(
    [None, "releases/v1", "releases/v2", "releases/gone", "nowhere", "/dev/null"]
)


@settings(deadline=None, max_examples=60)
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
