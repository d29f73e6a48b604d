"""Every process manager keeps the promises of receiver/managers/base.py."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from receiver.managers import MANAGERS
from receiver.managers.base import Manager, ManagerError
from receiver.targets import Target
from receiver.tools import OutsideError
from tests.contracts.plugins import (
    explains_itself,
    hides_its_secrets,
    is_a_frozen_setting,
    lives_in_a_file_of_its_name,
)
from tests.receiver.stand_ins import StandInPrograms, a_toolbox

OPTIONS: dict[str, dict[str, Any]] = {
    "command": {
        "restart": ["/opt/restart", "api"],
        "reload": ["/opt/reload"],
        "status": ["status-of-api"],
        "scale": ["/opt/scale", "{instances}"],
        "gc_signal": None,
    },
    "pm2": {"name": "api", "home": "/no/such/home"},
    "supervisor": {"name": "api", "url": "unix:///no/such.sock"},
    "systemd": {"unit": "api.service"},
    "docker": {"container": "api", "url": "unix:///no/such.sock"},
    "compose": {"project": "shop", "file": "/no/such.yml", "service": "api"},
}
# of a `status` with exit code 0, and of a service that has no container
SILENCE_IS_AN_ANSWER = {"command", "compose"}

every_manager = pytest.mark.parametrize(("name", "kind"), MANAGERS.items(), ids=MANAGERS)


def test_each_has_an_example_here() -> None:
    assert OPTIONS.keys() == MANAGERS.keys()


@every_manager
def test_it_is_a_plugin_like_the_others(name: str, kind: type[Manager]) -> None:
    is_a_frozen_setting(kind, OPTIONS[name])
    lives_in_a_file_of_its_name(kind, name, "receiver.managers")
    explains_itself(kind)
    hides_its_secrets(kind, OPTIONS[name])


@every_manager
def test_a_target_reads_and_writes_it(name: str, kind: type[Manager]) -> None:
    target = Target.model_validate({"name": "t", "process": {"manager": name, **OPTIONS[name]}})
    assert type(target.process) is kind
    assert Target.model_validate(target.model_dump(mode="json")) == target


@every_manager
async def test_where_nobody_answers_it_raises_and_has_changed_nothing(
    name: str, kind: type[Manager]
) -> None:
    manager = kind.model_validate(OPTIONS[name])
    programs = StandInPrograms(OutsideError("nobody there", sent=False))
    tools = a_toolbox(programs=programs)
    for ask in (manager.status, manager.restart):
        with pytest.raises(ManagerError) as caught:
            await ask(tools)
        assert not caught.value.started
    assert not [ran for ran in programs.ran if "restart" in ran.argv]


@pytest.mark.parametrize("name", sorted(MANAGERS.keys() - SILENCE_IS_AN_ANSWER))
async def test_where_something_else_answers_it_raises(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        (Path(folder) / "rpc.sock").touch()
        options = {**OPTIONS[name], "home": folder} if name == "pm2" else OPTIONS[name]
        with pytest.raises(ManagerError):
            await MANAGERS[name].model_validate(options).status(a_toolbox())
