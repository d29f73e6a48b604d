"""What holds for the repository as it is checked out: its files, its pins, its two commands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONTRACT_TARGETS = {"up", "test", "drill", "check", "bench", "compose-test"}
# Written in two halves, so that this file does not name what no file may name.
HOSTS = [
    left + right
    for left, right in (
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("registry.npm", "js.org"),
        ("proxy.go", "lang.org"),
        ("crates", ".io"),
    )
]


def tracked() -> list[Path]:
    """Files that git knows, or would know."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    result = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip("not a git checkout")
    return [path for name in result.stdout.splitlines() if (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def test_pins_are_names_and_versions_and_nothing_else() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line), line


def test_everything_that_is_installed_is_pinned() -> None:
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().split()}
    normal = {re.sub("[-_.]+", "-", name).lower() for name in pinned}
    wanted = re.findall(r'"([A-Za-z0-9-]+)(?:>=[\d.]+)?"', _dependencies())
    assert {re.sub("[-_.]+", "-", name).lower() for name in wanted} <= normal


def _dependencies() -> str:
    text = re.sub(r"\{ include-group = [^}]*\}", "", (ROOT / "pyproject.toml").read_text())
    lists = re.findall(r"^\w[\w-]* = \[(.*?)\]$", text.split("[tool.")[0], re.MULTILINE)
    found = [item for item in lists if ">=" in item]
    return " ".join(found)


def test_no_file_names_a_registry_s_host() -> None:
    naming = [
        (str(path.relative_to(ROOT)), host)
        for path in tracked()
        for host in HOSTS
        if host in text_of(path)
    ]
    assert naming == []


def test_no_file_names_a_path_of_this_machine() -> None:
    # the super-user's home is left out: it is a place in an image as well
    folders = {ROOT, Path.home()} - {Path("/root")}
    here = re.compile("|".join(rf"(?<![\w.]){re.escape(str(folder))}/" for folder in folders))
    assert [str(path.relative_to(ROOT)) for path in tracked() if here.search(text_of(path))] == []


def test_the_readme_is_read_to_its_end() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_a_folder_of_tests_is_a_package() -> None:
    # else `import exporter` finds tests/exporter
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_makefile_is_short_and_has_the_promised_commands() -> None:
    text = (ROOT / "Makefile").read_text()
    assert len(text.splitlines()) < 80
    assert set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE)) >= CONTRACT_TARGETS


def test_make_help_says_what_each_command_does() -> None:
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    told = {line.split()[0] for line in result.stdout.splitlines() if len(line.split()) > 1}
    assert told >= CONTRACT_TARGETS


def test_a_second_set_up_has_nothing_to_do() -> None:
    if not (ROOT / ".venv" / ".set-up").exists():
        pytest.skip("this .venv was not made by make")
    result = subprocess.run(["bash", ".ci/setup"], cwd=ROOT, capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")  # it says what it does


def test_the_licence_is_there_in_full() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_changelog_begins_with_what_is_not_released() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"


def test_hooks_before_a_commit_are_pinned_and_need_no_network_of_their_own() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
