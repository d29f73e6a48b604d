"""The deploy scripts and the config of docs/releases.md, done as they stand on a machine whose /srv/api is a folder here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.releases import repository
from demo.releases.versions import GOOD
from prunella.service.settings import load
from receiver.decide.plan import Mode
from receiver.settings import ReceiverSettings
from receiver.strategies.layout import Layout
from receiver.strategies.wholeness import require_whole

PAGE = (Path(__file__).parents[2] / "docs" / "releases.md").read_text()
NEXT = "1.1.0"
SAID = ["prunella release started api", "pm2 reload api", "prunella release finished api"]


def section(title: str, language: str) -> list[str]:
    """The code of that language under a heading."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


SYMLINK, GIT, COMMAND = section("A deploy in five lines", "sh")


@dataclass
class Machine:
    """Where `said` is a line for each program that was called; one of `failing` ends with 1."""

    folder: Path
    failing: str = "nothing at all"

    def __post_init__(self) -> None:
        self.api = self.folder / "srv" / "api"
        (self.api / "releases").mkdir(parents=True)
        (self.folder / "bin").mkdir()
        repository.make(self.folder / "origin")
        repository.git(self.folder, "clone", "--quiet", "origin", str(self.api / "repo"))
        for name in ("prunella", "pm2", "artefact-is-there", "switch", "restart"):
            self.has(name)

    def has(self, name: str) -> None:
        program = self.folder / "bin" / name
        log, fails = self.folder / "said", f'case "{name} $*" in *"{self.failing}"*) exit 1;; esac'
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n{fails}\n')
        program.chmod(0o755)

    def kills_at(self, name: str, word: str) -> Path:
        """The script is killed where it calls that program with that word, so that no trap of it runs."""
        program = self.folder / "bin" / name
        real = shutil.which(name)
        kills = f'case "$*" in *"{word}"*) kill -KILL $PPID; exit 1;; esac'
        program.write_text(f'#!/bin/sh\n{kills}\nexec {real} "$@"\n')
        program.chmod(0o755)
        return program

    def deploy(self, script: str) -> int:
        file = self.folder / "deploy.sh"
        moved = script.replace("/srv/api", str(self.api))
        file.write_text(moved.replace("/usr/local/bin", str(self.folder / "bin")))
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "PATH": path}
        done = subprocess.run(
            ["sh", "-e", file, NEXT], cwd=self.api / "repo", env=alone, capture_output=True, check=False
        )  # fmt: skip
        return done.returncode

    @property
    def said(self) -> list[str]:
        """Without the version and what follows it."""
        return [
            line.split(f" {NEXT}")[0] for line in (self.folder / "said").read_text().splitlines()
        ]

    @property
    def current(self) -> str | None:
        return Layout(self.api).active()


@pytest.mark.parametrize("script", [SYMLINK, GIT], ids=["symlink", "git"])
def test_a_deploy_is_told_links_the_release_whole_and_is_told_again(
    script: str, tmp_path: Path
) -> None:
    machine = Machine(tmp_path)
    assert machine.deploy(script) == 0
    assert (machine.said, machine.current) == (SAID, NEXT)
    seen = require_whole(machine.api / "releases" / NEXT, ["release.json"])
    assert seen.proven == (seen.files - 1 if script is SYMLINK else 0)
    told = (tmp_path / "said").read_text().splitlines()[0]
    assert told.endswith(f"--commit {repository.commit_of(tmp_path / 'origin', NEXT)}")


@pytest.mark.parametrize("script", [SYMLINK, GIT, COMMAND], ids=["symlink", "git", "command"])
def test_what_the_receiver_refuses_is_not_begun(script: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path, failing="release started")
    assert machine.deploy(script) == 1
    assert machine.said == SAID[:1]
    assert list((machine.api / "releases").iterdir()) == []


@pytest.mark.parametrize("script", [SYMLINK, GIT], ids=["symlink", "git"])
def test_what_goes_wrong_before_the_link_moves_has_failed(script: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (machine.api / "current").symlink_to(f"releases/{GOOD}")
    (machine.api / "releases" / NEXT).mkdir()
    (machine.api / "releases" / NEXT / "half").touch()
    assert machine.deploy(script) != 0
    assert machine.said == [SAID[0], "prunella release failed api"]
    assert machine.current == GOOD


@pytest.mark.parametrize("script", [SYMLINK, GIT], ids=["symlink", "git"])
def test_a_next_that_an_earlier_deploy_left_does_not_bring_the_old_release_back(
    script: str, tmp_path: Path
) -> None:
    machine = Machine(tmp_path)
    (machine.api / "releases" / GOOD).mkdir()
    for name in ("current", "next"):
        (machine.api / name).symlink_to(f"releases/{GOOD}")
    assert machine.deploy(script) == 0
    assert (machine.said, machine.current) == (SAID, NEXT)
    assert list((machine.api / "releases" / GOOD).iterdir()) == []


@pytest.mark.parametrize(
    ("script", "program", "word"),
    [
        (SYMLINK, "tar", ""),
        (SYMLINK, "sha256sum", ""),
        (SYMLINK, "mv", "releases"),
        (SYMLINK, "mv", "next"),
        (GIT, "mv", "releases"),
        (GIT, "mv", "next"),
    ],
)
def test_a_deploy_that_was_killed_is_done_by_running_it_again(
    script: str, program: str, word: str, tmp_path: Path
) -> None:
    machine = Machine(tmp_path)
    (machine.api / "current").symlink_to(f"releases/{GOOD}")
    killer = machine.kills_at(program, word)
    machine.deploy(script)
    assert machine.current == GOOD
    killer.unlink()
    assert machine.deploy(script) == 0
    assert machine.current == NEXT
    require_whole(machine.api / "releases" / NEXT, ["release.json"])


@pytest.mark.parametrize("script", [SYMLINK, GIT], ids=["symlink", "git"])
def test_the_same_version_is_deployed_a_second_time(script: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert [machine.deploy(script), machine.deploy(script)] == [0, 0]
    assert (machine.said, machine.current) == (SAID * 2, NEXT)


def test_a_worktree_of_which_a_killed_deploy_left_a_part_is_made_anew(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    repo, half = machine.api / "repo", machine.api / "new"
    repository.git(repo, "worktree", "add", "--quiet", "--lock", "--detach", str(half), GOOD)
    (half / "release.json").unlink()
    assert machine.deploy(GIT) == 0
    require_whole(machine.api / "releases" / NEXT, ["release.json"])
    clone = repository.git(machine.api / "releases" / NEXT, "status", "--porcelain")
    assert (clone, machine.current) == (b"", NEXT)


@pytest.mark.parametrize("script", [SYMLINK, GIT], ids=["symlink", "git"])
def test_what_does_not_start_serves_all_the_same_and_so_has_finished(
    script: str, tmp_path: Path
) -> None:
    machine = Machine(tmp_path, failing="pm2 reload")
    assert machine.deploy(script) == 0
    assert (machine.said, machine.current) == (SAID, NEXT)


def test_programs_are_called_host_after_host_and_stop_at_the_first_that_fails(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path, failing="switch web2")
    assert machine.deploy(COMMAND) == 0
    assert machine.said == [
        SAID[0], "artefact-is-there", "switch web1", "restart web1", "switch web2", SAID[2],
    ]  # fmt: skip


def test_the_config_that_arms_it_is_one(tmp_path: Path) -> None:
    (example,) = section("Going back by itself", "yaml")
    file = tmp_path / "receiver.yml"
    token = "auth: {webhook: [{name: alertmanager, token: " + "t" * 32 + "}]}"
    file.write_text(f"mode: auto\n{token}\nprometheus: {{url: http://127.0.0.1:9090}}\n{example}")
    settings = load(ReceiverSettings, file, {})
    armed = {book.name: book.ladder[-1].mode for book in settings.playbooks}
    assert {name for name, mode in armed.items() if mode is Mode.APPROVE} == {"memory"}
    assert len(armed) == 5
    assert settings.targets["api"].release is not None
