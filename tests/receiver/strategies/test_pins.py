from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
import yaml

from receiver.strategies.base import StrategyError
from receiver.strategies.pins import Pins
from tests.receiver.strategies.one_image import files_in

NAME = "prunella.override.yml"


def pins_in(folder: Path, text: str | None = None) -> Pins:
    if text is not None:
        (folder / NAME).write_text(text)
    return Pins(folder / NAME)


def test_what_was_pinned_is_what_is_read(tmp_path: Path) -> None:
    pins = pins_in(tmp_path)
    assert pins.image("web") is None
    pins.pin("web", "shop@sha256:1")
    assert pins.image("web") == "shop@sha256:1"
    assert yaml.safe_load(pins.path.read_text()) == {
        "services": {"web": {"image": "shop@sha256:1"}}
    }
    assert files_in(tmp_path) == [NAME]


def test_whoever_reads_it_is_told_whose_it_is(tmp_path: Path) -> None:
    pins_in(tmp_path).pin("web", "x")
    assert (tmp_path / NAME).read_text().startswith("# Written by Prunella")
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) & 0o444


def test_the_pins_of_others_and_what_else_stands_there_are_left(tmp_path: Path) -> None:
    text = "x-note: keep\nservices: {db: {image: pg}, web: {image: old, cpus: 2}}\n"
    pins = pins_in(tmp_path, text)
    pins.pin("web", "new")
    assert yaml.safe_load(pins.path.read_text()) == {
        "x-note": "keep",
        "services": {"db": {"image": "pg"}, "web": {"image": "new", "cpus": 2}},
    }


def test_a_candidate_is_beside_it_and_changes_nothing(tmp_path: Path) -> None:
    pins = pins_in(tmp_path, "services: {web: {image: old}}\n")
    candidate = pins.candidate("web", "new")
    assert candidate.parent == tmp_path
    assert Pins(candidate).image("web") == "new"
    assert pins.image("web") == "old"


def test_what_a_killed_run_left_is_made_anew(tmp_path: Path) -> None:
    pins = pins_in(tmp_path)
    left = pins.candidate("web", "left")
    left.write_text("servi")
    pins.pin("web", "new")
    assert pins.image("web") == "new"
    assert files_in(tmp_path) == [NAME]


def test_a_link_that_somebody_put_in_our_way_is_not_followed(tmp_path: Path) -> None:
    pins, other = pins_in(tmp_path), tmp_path / "other"
    other.write_text("mine")
    pins.candidate("web", "x").unlink()
    (tmp_path / ".prunella.override.web.yml").symlink_to(other)
    pins.pin("web", "new")
    assert other.read_text() == "mine"


@pytest.mark.parametrize(
    "text", ["[", "services: [web]", "- web", "web", "services: {web: shop}", "a: !secret x", "\0"]
)
def test_a_file_that_is_not_ours_is_refused_and_left(tmp_path: Path, text: str) -> None:
    pins = pins_in(tmp_path, text)
    for ask in (lambda: pins.pin("web", "x"), lambda: pins.candidate("web", "x")):
        with pytest.raises(StrategyError) as caught:
            ask()
        assert not caught.value.started
    assert (tmp_path / NAME).read_text() == text
    assert files_in(tmp_path) == [NAME]


@pytest.mark.parametrize("text", ["", "services:\n", "services: {web: }\n", "# nothing yet\n"])
def test_an_empty_file_has_no_pins_and_can_get_one(tmp_path: Path, text: str) -> None:
    pins = pins_in(tmp_path, text)
    assert pins.image("web") is None
    pins.pin("web", "x")
    assert pins.image("web") == "x"


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    match kind:
        case "link":
            (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
        case "folder":
            (tmp_path / NAME).mkdir()
        case _:
            os.mkfifo(tmp_path / NAME)
    with pytest.raises(StrategyError, match="is no plain file"):
        Pins(tmp_path / NAME).pin("web", "x")


def test_without_its_folder_nothing_is_pinned(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="No such file") as caught:
        Pins(tmp_path / "gone" / NAME).pin("web", "x")
    assert not caught.value.started


def test_two_targets_that_pin_in_one_file_at_once_both_have_their_pins(tmp_path: Path) -> None:
    names = [f"service-{number}" for number in range(16)]
    threads = [
        threading.Thread(target=Pins(tmp_path / NAME).pin, args=(name, f"shop@{name}"))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Pins(tmp_path / NAME).image(name) for name in names] == [f"shop@{n}" for n in names]
