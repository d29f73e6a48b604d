"""The shop's releases: what their repository holds, how they lie on the disk, and how one is deployed."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from demo.deploy import main
from demo.releases import repository
from demo.releases.layout import Layout
from demo.releases.ledger import RefusedError
from demo.releases.rollout import Rollout, asked, reachable
from demo.releases.versions import GOOD, VERSIONS, base_of, built_again
from demo.shop.faults import Fault
from demo.shop.release import read
from tests.servers.ports import free_port
from tests.servers.process import answers, running, start

ERRORS = "1.2.0-errors"


def made(folder: Path) -> Layout:
    layout = Layout(folder / "shop")
    layout.make()
    return layout


def test_the_same_code_is_the_same_commits_on_every_machine(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert (repository.make(one), repository.make(one), repository.make(other)) == (True, False, True)  # fmt: skip
    for version in VERSIONS:
        assert repository.commit_of(one, version) == repository.commit_of(other, version)


def test_what_came_between_two_releases_can_be_read(tmp_path: Path) -> None:
    repository.make(tmp_path)
    told = repository.git(tmp_path, "log", "--format=%s", f"{GOOD}..{ERRORS}").decode()
    assert told.splitlines() == [VERSIONS[ERRORS].subject, VERSIONS["1.1.0"].subject]


@pytest.mark.parametrize("name", VERSIONS)
def test_a_release_says_what_it_is_and_has_its_flaw(name: str, tmp_path: Path) -> None:
    layout, version = made(tmp_path), VERSIONS[name]
    release = read(layout.add(name))
    assert (release.version, release.says) == (name, version.says or name)
    assert (release.flaw != Fault()) is (version.flaw is not None)


def test_a_release_lists_what_belongs_to_it(tmp_path: Path) -> None:
    folder = made(tmp_path).add(ERRORS)
    lines = (folder / repository.MANIFEST).read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert listed.keys() >= {"release.json", "demo/__init__.py", "demo/shop/app.py"}
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_built_again_it_is_the_same_with_a_name_of_its_own(tmp_path: Path) -> None:
    layout = made(tmp_path)
    repository.build_again(layout.repository, f"{ERRORS}.2")
    first, again = (
        json.loads((layout.add(name) / "release.json").read_text())
        for name in (ERRORS, f"{ERRORS}.2")
    )
    assert again == {**first, "version": f"{ERRORS}.2"}


def test_a_release_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    layout = made(tmp_path)
    with pytest.raises(repository.GitError, match=r"9\.9\.9"):
        layout.add("9.9.9")
    assert [path.name for path in layout.releases.iterdir() if "9" in path.name] == []


def test_a_name_means_its_release() -> None:
    assert (base_of(ERRORS).name, base_of(f"{ERRORS}.12").name) == (ERRORS, ERRORS)
    assert base_of("1.1.0").name == "1.1.0"
    for name in ("1.3.0", "1.2.0-errors.x", ""):
        with pytest.raises(KeyError):
            base_of(name)


def test_the_next_name_is_one_that_nothing_had() -> None:
    assert built_again(ERRORS, frozenset({ERRORS})) == f"{ERRORS}.2"
    assert built_again(f"{ERRORS}.2", frozenset({ERRORS, f"{ERRORS}.2"})) == f"{ERRORS}.3"


def test_the_first_start_serves_the_first_release(tmp_path: Path) -> None:
    layout = made(tmp_path)
    assert layout.serving() == GOOD
    assert layout.current.readlink() == Path("releases", GOOD)


def test_what_served_well_serves_on_after_a_start_and_what_was_bad_does_not(tmp_path: Path) -> None:
    layout = made(tmp_path)
    for version, after in (("1.1.0", "1.1.0"), (ERRORS, GOOD), ("1.2.0-liar", GOOD)):
        layout.add(version)
        layout.point(version)
        layout.make()
        assert layout.serving() == after


def test_what_is_lost_or_not_whole_is_not_served(tmp_path: Path) -> None:
    layout = made(tmp_path)
    layout.point("1.1.0")
    (layout.releases / "1.1.0" / "release.json").write_text("{")
    layout.make()
    assert layout.serving() == GOOD


def test_a_start_after_the_code_has_changed_makes_all_anew(tmp_path: Path) -> None:
    layout = made(tmp_path)
    layout.point("1.1.0")
    (layout.repository / repository.MADE).write_text("of other code")
    (layout.releases / "1.1.0" / "old").touch()
    layout.make()
    assert (layout.serving(), (layout.releases / "1.1.0" / "old").exists()) == (GOOD, False)


@dataclass
class Book:
    """What was told, and what is known of earlier deploys."""

    known: list[dict[str, Any]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)
    refuses: str = ""  # the word that it does not take

    async def releases(self) -> Sequence[Mapping[str, Any]]:
        return self.known

    async def say(self, state: str, version: str, **more: str) -> None:
        if state == self.refuses:
            raise RefusedError("quarantined", "never again")
        self.told.append((state, version))
        self.more |= more

    async def mark(self, version: str) -> None:
        self.told.append(("marked", version))

    async def unfreeze(self) -> None:
        self.told.append(("unfrozen", ""))


@dataclass
class Process:
    """Serves what `current` means when it is started; `lies` and says that instead."""

    layout: Layout
    lies: str = ""
    runs: str | None = None

    async def reload(self) -> None:
        self.runs = self.layout.serving()

    async def version(self) -> str | None:
        return self.lies or self.runs


def rollout(layout: Layout, book: Book, lies: str = "") -> Rollout:
    process = Process(layout, lies)
    return Rollout(layout, book, process.version, process.reload, patience=0.0 if lies else 5.0)


async def deployed(one: Rollout, version: str) -> tuple[bool, list[str]]:
    stages: list[str] = []
    return await one.deploy(version, lambda stage, detail: stages.append(stage)), stages


async def test_a_deploy_is_told_linked_reloaded_looked_at_and_told_again(tmp_path: Path) -> None:
    layout, book = made(tmp_path), Book()
    assert await deployed(rollout(layout, book), "1.1.0") == (
        True,
        ["started", "linked", "reloaded", "finished"],
    )
    assert book.told == [("started", "1.1.0"), ("finished", "1.1.0")]
    assert book.more["commit"] == repository.commit_of(layout.repository, "1.1.0")
    assert book.more["compatible_down_to"] == GOOD
    assert layout.serving() == "1.1.0"


async def test_what_can_live_with_no_older_database_says_so(tmp_path: Path) -> None:
    book = Book()
    await deployed(rollout(made(tmp_path), book), "2.0.0-schema.2")
    assert book.more["compatible_down_to"] == "2.0.0-schema.2"


async def test_what_does_not_say_its_version_was_put_there_all_the_same(tmp_path: Path) -> None:
    book = Book()
    assert (await deployed(rollout(made(tmp_path), book, lies=GOOD), "1.2.0-liar"))[0] is False
    assert book.told[-1] == ("finished", "1.2.0-liar")


async def test_what_the_receiver_refuses_is_not_touched(tmp_path: Path) -> None:
    layout = made(tmp_path)
    with pytest.raises(RefusedError, match="never again"):
        await deployed(rollout(layout, Book(refuses="started")), ERRORS)
    assert layout.serving() == GOOD


async def test_what_cannot_be_put_there_has_failed(tmp_path: Path) -> None:
    layout, book = made(tmp_path), Book()
    (layout.path / f".current.{os.getpid()}").mkdir()
    with pytest.raises(OSError, match="current"):
        await deployed(rollout(layout, book), ERRORS)
    assert book.told == [("started", ERRORS), ("failed", ERRORS)]


async def test_a_name_that_was_used_is_not_used_again(tmp_path: Path) -> None:
    book = Book(known=[{"version": ERRORS, "state": "quarantined"}])
    assert await rollout(made(tmp_path), book).name_for(ERRORS) == f"{ERRORS}.2"
    assert await rollout(made(tmp_path), book).name_for("1.1.0") == "1.1.0"


def entry(version: str, state: str = "watching", oldest: str = GOOD) -> dict[str, Any]:
    return {"version": version, "state": state, "compatible_down_to": oldest}


async def test_what_serves_well_is_made_known_and_may_be_gone_back_to(tmp_path: Path) -> None:
    book = Book(known=[entry(ERRORS, "deploying"), entry(GOOD)])
    await rollout(made(tmp_path), book).settle()
    assert book.told == [("failed", ERRORS), ("unfrozen", ""), ("finished", GOOD), ("marked", GOOD)]


@pytest.mark.parametrize(
    "known",
    [
        [entry(GOOD, "rolled_back")],
        [entry("2.0.0-schema", "rolled_back", "2.0.0-schema"), entry(GOOD)],
    ],
    ids=["it was gone back from", "no database for it any more"],
)
async def test_what_could_not_be_gone_back_to_is_built_again(
    known: list[dict[str, Any]], tmp_path: Path
) -> None:
    book, layout = Book(known=known), made(tmp_path)
    await rollout(layout, book).settle()
    again = f"{GOOD}.2"
    assert book.told == [("unfrozen", ""), ("started", again), ("finished", again), ("marked", again)]  # fmt: skip
    assert layout.serving() == again


async def test_what_serves_badly_is_replaced(tmp_path: Path) -> None:
    layout = made(tmp_path)
    layout.add(ERRORS)
    layout.point(ERRORS)
    await rollout(layout, Book(known=[entry(ERRORS), entry(GOOD)])).settle()
    assert layout.serving() == f"{GOOD}.2"


def test_nothing_is_reachable_in_a_ledger_that_does_not_have_what_all_can_live_with() -> None:
    assert reachable([], GOOD)
    assert not reachable([], "1.1.0")
    assert reachable([entry(GOOD), entry(ERRORS, "rolled_back")], "1.1.0")
    after = [entry(GOOD), entry("2.0.0-schema", oldest="2.0.0-schema"), entry(f"{GOOD}.2")]
    assert not reachable(after, GOOD)
    assert reachable(after, f"{GOOD}.2")


def test_a_deploy_without_a_stack_or_of_nothing_says_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([ERRORS], {"PRUNELLA_STACK": str(tmp_path)}) == 2
    assert "make up" in capsys.readouterr().err
    assert main(["9.9.9"], {"PRUNELLA_STACK": str(tmp_path)}) == 2
    assert ERRORS in capsys.readouterr().err


@pytest.mark.server
async def test_the_shop_that_is_started_through_current_is_that_release(tmp_path: Path) -> None:
    layout, port = made(tmp_path), free_port()
    layout.point("1.1.0")
    argv = [sys.executable, "-m", "demo.shop", f"--listen=127.0.0.1:{port}"]
    process = start("shop", argv, tmp_path, cwd=layout.current)
    url = f"http://127.0.0.1:{port}"
    async with running(process, lambda: answers(f"{url}/health")), ClientSession() as session:
        assert await asked(session, url)() == "1.1.0"


@pytest.mark.server
async def test_a_release_that_cannot_start_says_so_and_ends(tmp_path: Path) -> None:
    folder = made(tmp_path).add("1.2.0-crash")
    process = start("shop", [sys.executable, "-m", "demo.shop", "--listen=127.0.0.1:0"], tmp_path, cwd=folder)  # fmt: skip
    assert process.popen.wait(20) == 70
    assert "1.2.0-crash cannot start" in process.output()
