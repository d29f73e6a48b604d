"""Every release strategy keeps the promises of receiver/strategies/base.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from prunella.service.clock import SystemClock
from receiver.outside.programs import SystemPrograms
from receiver.strategies import STRATEGIES
from receiver.strategies.base import Strategy, StrategyError
from receiver.targets import Target
from receiver.tools import Programs, Tools
from tests.contracts.plugins import (
    explains_itself,
    is_a_frozen_setting,
    lives_in_a_file_of_its_name,
)
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, a_toolbox
from tests.receiver.strategies.one_image import NAME, V1, an_engine
from tests.receiver.strategies.places import HOSTILE, PROOF, a_place, tree
from tests.receiver.strategies.programs import a_script
from tests.receiver.strategies.repositories import a_clone, an_origin


@dataclass(frozen=True, slots=True)
class Example:
    """A place where something else is live and `version` may be gone back to, and the options that fit it."""

    options: dict[str, Any]
    version: str = "v1"
    programs: Programs = field(default_factory=SystemPrograms)

    @property
    def tools(self) -> Tools:
        return Tools(clock=SystemClock(), http=StandInHttp(), programs=self.programs)


def _symlink(folder: Path) -> Example:
    return Example({"path": a_place(folder, "v1", "v2", current="v2"), "version": PROOF})


def _command(folder: Path) -> Example:
    switch = [str(a_script(folder)), "{version}", "{host}"]
    return Example({
        "preflight": switch,
        "activate": [switch, ["true"]],
        "restore": [["true"]],
        "hosts": ["web1", "web2"],
        "starts": True,
        "version": {"command": ["version-of", "{host}"]},
    })  # fmt: skip


def _compose(folder: Path) -> Example:
    service = {"project": "shop", "file": folder / "compose.yml", "service": "web", "image": NAME}
    return Example({"path": folder, **service}, V1, an_engine())


def _git(folder: Path) -> Example:
    return Example({"path": a_clone(folder, an_origin(folder), "--bare"), "version": PROOF})


EXAMPLES: dict[str, Callable[[Path], Example]] = {
    "command": _command,
    "compose": _compose,
    "git": _git,
    "symlink": _symlink,
}

every_strategy = pytest.mark.parametrize(("name", "kind"), STRATEGIES.items(), ids=STRATEGIES)


def test_each_has_an_example_here() -> None:
    assert EXAMPLES.keys() == STRATEGIES.keys()


@every_strategy
def test_it_is_a_plugin_like_the_others(name: str, kind: type[Strategy], tmp_path: Path) -> None:
    is_a_frozen_setting(kind, EXAMPLES[name](tmp_path).options)
    lives_in_a_file_of_its_name(kind, name, "receiver.strategies")
    explains_itself(kind)


@every_strategy
def test_a_target_reads_and_writes_it(name: str, kind: type[Strategy], tmp_path: Path) -> None:
    release = {"strategy": name, **EXAMPLES[name](tmp_path).options}
    target = Target.model_validate({"name": "t", "release": release})
    assert type(target.release) is kind
    assert Target.model_validate(target.model_dump(mode="json", by_alias=True)) == target


@every_strategy
async def test_looking_changes_nothing(name: str, kind: type[Strategy], tmp_path: Path) -> None:
    example = EXAMPLES[name](tmp_path)
    strategy, before = kind.model_validate(example.options), tree(tmp_path)
    assert await strategy.preflight(example.version, example.tools)
    await strategy.active(example.tools)
    assert tree(tmp_path) == before


@every_strategy
async def test_what_is_no_version_reaches_nothing(
    name: str, kind: type[Strategy], tmp_path: Path
) -> None:
    strategy = kind.model_validate(EXAMPLES[name](tmp_path).options)
    programs, before = StandInPrograms(), tree(tmp_path)
    for version in HOSTILE[:-2]:  # the last are names, but not of folders
        for ask in (strategy.preflight, strategy.activate, strategy.restore):
            with pytest.raises(StrategyError) as caught:
                await ask(version, a_toolbox(programs=programs))
            assert not caught.value.started
    assert programs.ran == []
    assert tree(tmp_path) == before
