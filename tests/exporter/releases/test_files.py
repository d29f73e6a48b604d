from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path

import pytest

from exporter.releases.base import Release, SourceError
from exporter.releases.files import OnDisk, Written, first_line, linked
from prunella.service.clock import SystemClock

PHASES = (100.0, 200.0, 300.0)


class At(SystemClock):
    """It is so many seconds after the link was made."""

    def __init__(self, began: float, age: float = 0.0) -> None:
        self._now = began + age

    def now(self) -> float:
        return self._now


def layout(tmp_path: Path, version: str = "v1.2") -> Path:
    """`current`, as every deploy script makes it."""
    (tmp_path / "releases" / version).mkdir(parents=True)
    (tmp_path / "current").symlink_to(f"releases/{version}")
    return tmp_path


async def read(look: partial[Written], age: float = 0.0) -> Release:
    _, began = look()
    on_disk = OnDisk(("shop", "api"), look, PHASES, At(began, age))
    (release,) = (await on_disk.read()).releases
    return release


async def refused(look: partial[Written]) -> str:
    with pytest.raises(SourceError) as raised:
        await OnDisk(("shop", "api"), look, PHASES, SystemClock()).read()
    return str(raised.value)


async def test_a_layouts_version_is_where_current_points(tmp_path: Path) -> None:
    release = await read(partial(linked, layout(tmp_path)))
    assert (release.service, release.target, release.version) == ("shop", "api", "v1.2")
    assert release.began == os.lstat(tmp_path / "current").st_mtime


@pytest.mark.parametrize("to", ["releases/v9/", "/srv/api/releases/v9"])
def test_current_may_point_there_in_any_way(tmp_path: Path, to: str) -> None:
    (tmp_path / "current").symlink_to(to)
    assert linked(tmp_path)[0] == "v9"


async def test_a_files_first_line_is_the_version(tmp_path: Path) -> None:
    file = tmp_path / "REVISION"
    file.write_text("4f2a91c \nand more\n")
    assert (await read(partial(first_line, file))).version == "4f2a91c"


@pytest.mark.parametrize(("age", "phase"), [(0, 1), (99, 1), (100, 2), (250, 3), (301, 0)])
async def test_the_phase_is_counted_from_the_deploy(tmp_path: Path, age: float, phase: int) -> None:
    assert (await read(partial(linked, layout(tmp_path)), age)).phase == phase


async def test_a_layout_without_a_release_is_told_by_its_file(tmp_path: Path) -> None:
    assert f"{tmp_path / 'current'}: No such file" in await refused(partial(linked, tmp_path))


async def test_a_current_that_is_no_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "current").mkdir()
    assert "Invalid argument" in await refused(partial(linked, tmp_path))


@pytest.mark.parametrize("text", ["", "\n", "v" * 201, "a\x00b", "a\x1b[31m"])
async def test_what_is_no_version_is_not_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "VERSION"
    file.write_text(text)
    assert "no version" in await refused(partial(first_line, file))


async def test_a_disk_that_hangs_costs_one_thread() -> None:
    free, asked = threading.Event(), []

    def hang() -> Written:
        asked.append(1)
        free.wait(30)
        return "v1", 0.0

    on_disk = OnDisk(("shop", "api"), hang, PHASES, SystemClock())
    on_disk.patience = 0.02
    for _ in range(3):
        with pytest.raises(SourceError, match="disk does not answer"):
            await on_disk.read()
    free.set()
    on_disk.patience = 5.0
    assert (await on_disk.read()).releases[0].version == "v1"
    assert len(asked) == 1
