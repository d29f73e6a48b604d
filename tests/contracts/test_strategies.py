"""Every release strategy keeps the promises of receiver/strategies/base.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prunella.service.clock import SystemClock
from receiver.outside.programs import SystemPrograms
from receiver.strategies import STRATEGIES
from receiver.strategies.base import Strategy, StrategyError
from receiver.targets import Target
from receiver.tools import Tools
from tests.contracts.plugins import (
    explains_itself,
    is_a_frozen_setting,
    lives_in_a_file_of_its_name,
)
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, a_toolbox
from tests.receiver.strategies.places import HOSTILE, PROOF, a_place, tree
from tests.receiver.strategies.programs import a_script
from tests.receiver.strategies.repositories import a_clone, an_origin


def _symlink(folder: Path) -> dict[str, Any]:
    return {"path": a_place(folder, "v1", "v2", current="v2"), "version": PROOF}


def _command(folder: Path) -> dict[str, Any]:
    switch = [str(a_script(folder)), "{version}", "{host}"]
    return {
        "preflight": switch,
        "activate": [switch, ["true"]],
        "restore": [["true"]],
        "hosts": ["web1", "web2"],
        "starts": True,
        "version": {"command": ["version-of", "{host}"]},
    }


def _git(folder: Path) -> dict[str, Any]:
    return {"path": a_clone(folder, an_origin(folder), "--bare"), "version": PROOF}


# each lays a place where v2 is live and v1 may be gone back to, and says the options that fit it
EXAMPLES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "command": _command,
    "git": _git,
    "symlink": _symlink,
}

every_strategy = pytest.mark.parametrize(("name", "kind"), STRATEGIES.items(), ids=STRATEGIES)


def the_real_tools() -> Tools:
    return Tools(clock=SystemClock(), http=StandInHttp(), programs=SystemPrograms())


def test_each_has_an_example_here() -> None:
    assert EXAMPLES.keys() == STRATEGIES.keys()


@every_strategy
def test_it_is_a_plugin_like_the_others(name: str, kind: type[Strategy], tmp_path: Path) -> None:
    is_a_frozen_setting(kind, EXAMPLES[name](tmp_path))
    lives_in_a_file_of_its_name(kind, name, "receiver.strategies")
    explains_itself(kind)


@every_strategy
def test_a_target_reads_and_writes_it(name: str, kind: type[Strategy], tmp_path: Path) -> None:
    release = {"strategy": name, **EXAMPLES[name](tmp_path)}
    target = Target.model_validate({"name": "t", "release": release})
    assert type(target.release) is kind
    assert Target.model_validate(target.model_dump(mode="json", by_alias=True)) == target


@every_strategy
async def test_looking_changes_nothing(name: str, kind: type[Strategy], tmp_path: Path) -> None:
    strategy = kind.model_validate(EXAMPLES[name](tmp_path))
    before = tree(tmp_path)
    assert await strategy.preflight("v1", the_real_tools())
    await strategy.active(the_real_tools())
    assert tree(tmp_path) == before


@every_strategy
async def test_what_is_no_version_reaches_nothing(
    name: str, kind: type[Strategy], tmp_path: Path
) -> None:
    strategy, programs = kind.model_validate(EXAMPLES[name](tmp_path)), StandInPrograms()
    before = tree(tmp_path)
    for version in HOSTILE[:-2]:  # the last are names, but not of folders
        for ask in (strategy.preflight, strategy.activate, strategy.restore):
            with pytest.raises(StrategyError) as caught:
                await ask(version, a_toolbox(programs=programs))
            assert not caught.value.started
    assert programs.ran == []
    assert tree(tmp_path) == before
