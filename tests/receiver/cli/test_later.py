"""A command waits for what it needs itself, and not for what others need."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("receiver.settings", "receiver.pipeline", "receiver.actions", "receiver.rules.render")


def loaded_by(*words: str) -> set[str]:
    """The modules that are there once the command has ended."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "receiver.cli", *words],
        capture_output=True, text=True, check=False,
    ).stderr  # fmt: skip
    lines = (line for line in said.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


def test_what_only_asks_the_receiver_loads_none_of_it() -> None:
    modules = loaded_by("status", "--url", "http://127.0.0.1:1")
    assert "receiver.cli.api" in modules
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize(
    ("words", "needs"),
    [
        (("lint", "--config", "none.yml", "--rules", "none.yml"), "receiver.settings"),
        (("simulate", "none.json"), "receiver.settings"),
        (("backtest", "--config", "none.yml"), "receiver.pipeline"),
        (("replay", "none.jsonl"), "receiver.pipeline"),
        (("rules", "render", "--thresholds", "none.yml"), "receiver.rules.render"),
        (("backup", "drill", "db", "--config", "demo/config/receiver.yml"), "receiver.settings"),
    ],
)
def test_what_works_here_loads_what_it_needs(words: tuple[str, ...], needs: str) -> None:
    assert needs in loaded_by(*words)
