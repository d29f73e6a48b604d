from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from receiver.journal import Fenced
from receiver.strategies.base import StrategyError
from receiver.strategies.command import Command
from receiver.tools import Finished, OutsideError
from tests.receiver.stand_ins import StandInPrograms, a_toolbox
from tests.receiver.strategies.places import HOSTILE, PROOF
from tests.receiver.strategies.programs import a_recorder, a_script, record
from tests.receiver.strategies.repositories import tools

SWITCH = ["switch", "{version}"]


def command(**options: Any) -> Command:
    return Command.model_validate({"activate": SWITCH, "version": PROOF, **options})


def wrong(**options: Any) -> str:
    """What is said of that config."""
    with pytest.raises(ValidationError) as caught:
        command(**options)
    return str(caught.value)


async def test_a_version_is_one_argument_whatever_it_holds(tmp_path: Path) -> None:
    strategy = command(activate=[str(a_recorder(tmp_path)), "--to", "{version}"])
    for version in ("v1", "v1; reboot", "$(reboot)", "`id`", "a b", "*", "größer"):
        await strategy.activate(version, tools())
        assert record(tmp_path)[-1] == f"switch [--to] [{version}]"


async def test_several_programs_run_one_after_the_other(tmp_path: Path) -> None:
    one, two = a_recorder(tmp_path, "one"), a_recorder(tmp_path, "two")
    await command(activate=[[str(one), "{version}"], [str(two)]]).activate("v1", tools())
    assert record(tmp_path) == ["one [v1]", "two []"]


async def test_the_middle_one_of_several_fails_and_the_rest_is_not_run(tmp_path: Path) -> None:
    steps = [
        [str(a_recorder(tmp_path, "one")), "{version}"],
        [str(a_recorder(tmp_path, "two", "echo no such pool; exit 3"))],
        [str(a_recorder(tmp_path, "three"))],
    ]
    with pytest.raises(StrategyError) as caught:
        await command(activate=steps).activate("v1", tools())
    assert str(caught.value) == "`activate` 2 of 3 ended with 3: no such pool"
    assert caught.value.started
    assert record(tmp_path) == ["one [v1]", "two []"]


async def test_the_old_version_is_put_back_by_restore_where_there_is_one(tmp_path: Path) -> None:
    switch, back = a_recorder(tmp_path), a_recorder(tmp_path, "back")
    argv = [str(switch), "{version}"]
    await command(activate=argv).restore("v2", tools())
    await command(activate=argv, restore=[str(back), "{version}"]).restore("v2", tools())
    assert record(tmp_path) == ["switch [v2]", "back [v2]"]


async def test_preflight_runs_its_own_programs_and_fails_without_a_start(tmp_path: Path) -> None:
    look = a_recorder(tmp_path, "look", 'echo "no artefact of $1"; test "$1" = v1')
    strategy = command(activate=["true", "{version}"], preflight=[str(look), "{version}"])
    assert await strategy.preflight("v1", tools()) == "`preflight` of v1 ended well"
    with pytest.raises(
        StrategyError, match="`preflight` ended with 1: no artefact of v2"
    ) as caught:
        await strategy.preflight("v2", tools())
    assert not caught.value.started


async def test_without_a_preflight_it_says_that_nothing_was_looked_at() -> None:
    said = await command(activate=["true", "{version}"]).preflight("v1", tools())
    assert said.startswith("no `preflight` is configured")


async def test_a_program_that_is_not_there_is_seen_before() -> None:
    strategy = command(restore=["/no/such/program"], activate=["true", "{version}"])
    with pytest.raises(StrategyError, match="there is no program /no/such/program") as caught:
        await strategy.preflight("v1", tools())
    assert not caught.value.started


async def test_what_never_began_is_told_from_what_did() -> None:
    gone = OutsideError("cannot start switch", sent=False)
    with pytest.raises(StrategyError) as first:
        await command().activate("v1", a_toolbox(programs=StandInPrograms(gone)))
    assert not first.value.started
    programs = StandInPrograms(lambda ran: Finished(0, "") if ran.argv[0] == "switch" else gone)
    with pytest.raises(StrategyError) as second:
        await command(activate=[SWITCH, ["two"]]).activate("v1", a_toolbox(programs=programs))
    assert second.value.started


async def test_a_program_without_an_end_is_a_failure() -> None:
    programs = StandInPrograms(Finished(None, ""))
    with pytest.raises(StrategyError, match="`activate` was ended after 1800 s"):
        await command().activate("v1", a_toolbox(programs=programs))


async def test_without_the_lease_nothing_is_run() -> None:
    def over() -> None:
        raise Fenced("over")

    programs = StandInPrograms()
    with pytest.raises(Fenced):
        await command().activate("v1", replace(a_toolbox(programs=programs), require_lease=over))
    assert programs.ran == []


@pytest.mark.parametrize("version", HOSTILE[:-2])
async def test_what_is_no_version_never_becomes_an_argument(version: str) -> None:
    programs = StandInPrograms()
    for ask in (command().preflight, command().activate, command().restore):
        with pytest.raises(StrategyError):
            await ask(version, a_toolbox(programs=programs))
    assert programs.ran == []


async def test_the_programs_are_told_the_release_and_say_whether_they_start_it(
    tmp_path: Path,
) -> None:
    script = a_script(tmp_path, body=f"env > {tmp_path}/env")
    for starts in (False, True):
        strategy = command(activate=[str(script), "{version}"], starts=starts)
        assert strategy.starts is starts
        await strategy.activate("v1", tools())
        told = (tmp_path / "env").read_text()
        assert "PRUNELLA_RELEASE=v1\n" in told
        assert ("PRUNELLA_MAY_STAY=1\n" in told) is starts


async def test_machines_are_done_one_by_one_each_with_its_own_proof() -> None:
    strategy = command(
        activate=[["switch", "{version}", "{host}"], ["reload", "{host}"]],
        hosts=["web1", "10.0.0.2"],
        version={"url": "http://{host}:3000/version", "json": "version"},
    )
    programs = StandInPrograms()
    for one in strategy.machines():
        await one.activate("v1", a_toolbox(programs=programs))
    assert [one.machine for one in strategy.machines()] == ["web1", "10.0.0.2"]
    assert [one.version.url for one in strategy.machines()] == [
        "http://web1:3000/version", "http://10.0.0.2:3000/version",
    ]  # fmt: skip
    assert [" ".join(ran.argv) for ran in programs.ran] == [
        "switch v1 web1", "reload web1", "switch v1 10.0.0.2", "reload 10.0.0.2",
    ]  # fmt: skip


async def test_all_machines_at_once_stop_at_the_first_that_fails() -> None:
    programs = StandInPrograms(lambda ran: Finished(int("web2" in ran.argv), ""))
    strategy = command(
        activate=["switch", "{version}", "{host}"],
        hosts=["web1", "web2", "web3"],
        version={"command": ["version-of", "{host}"]},
    )
    with pytest.raises(StrategyError, match="`activate` 2 of 3 ended with 1"):
        await strategy.activate("v1", a_toolbox(programs=programs))
    assert [ran.argv[-1] for ran in programs.ran] == ["web1", "web2"]
    assert strategy.machines()[1].version.command == ("version-of", "web2")


def test_without_hosts_there_is_one_machine_without_a_name() -> None:
    strategy = command()
    assert strategy.machines() == (strategy,)
    assert strategy.machine == ""


async def test_there_is_no_layout_to_look_at() -> None:
    assert await command().active(a_toolbox()) is None


def test_every_program_it_may_start_is_named() -> None:
    strategy = command(
        preflight=["look"], restore=[["back"], ["switch"]], version={"command": ["ask"]}
    )
    assert strategy.programs() == ("look", "switch", "back", "ask")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"activate": ["switch"]}, "`activate` must hold {version} as an argument of its own"),
        ({"activate": ["switch", "v={version}"]}, "{version} must be an argument of its own"),
        ({"activate": ["{version}"]}, "must begin with a program"),
        ({"activate": []}, "must not be empty"),
        ({"activate": [[]]}, "must not be empty"),
        ({"activate": "switch {version}"}, "must be a list"),
        ({"activate": [*SWITCH, "{host}"]}, "{host} stands for one of `hosts`, and there are none"),
        ({"hosts": ["web1"]}, "`activate` must hold {host}"),
        ({"hosts": ["-oProxyCommand=x"]}, "must be the name or address of one machine"),
        ({"hosts": ["a"], "activate": [*SWITCH, "{host}"]}, "`version` must hold {host}"),
        ({"version": {"cwd": True}}, "strategies that have a folder a version"),
        ({"version": None}, "version"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_when_the_config_is_read(
    options: dict[str, Any], said: str
) -> None:
    assert said in wrong(**options)


def test_a_machine_is_named_once() -> None:
    proof = {"command": ["version-of", "{host}"]}
    assert "names a machine twice" in wrong(
        hosts=["a", "a"], activate=[*SWITCH, "{host}"], version=proof
    )
