"""The backups' page: read from what lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.console.backups import size
from tests.receiver.console.visiting import visiting
from tests.receiver.rig import CONFIG


async def test_without_backups_it_says_so(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        await browser.login()
        assert "No target has a backup:" in (await browser.open("/backups")).markup.text


async def test_what_never_ran_is_shown_as_never(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    backup = {"directory": str(folder), "config": ["receiver.yml"], "schedule": None, "drill": None}
    targets = {**CONFIG["targets"], "shop": {**CONFIG["targets"]["shop"], "backup": backup}}
    async with visiting(tmp_path, targets=targets) as (browser, _):
        await browser.login()
        page = await browser.open("/backups")
    assert "config never never 0 B never" in page.markup.text


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (1536, "1.5 KiB"),
        (5 * 1024**3, "5.0 GiB"),
        (2**41, "2.0 TiB"),
    ],
)
def test_sizes_are_in_words(count: float | None, words: str) -> None:
    assert size(count) == words
