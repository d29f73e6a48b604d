from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from prunella.service.clock import SystemClock
from receiver.actions.base import ActionFailed, ActionTimedOut
from receiver.actions.run import Run
from receiver.outside.programs import SystemPrograms
from receiver.tools import Finished, OutsideError, Tools
from tests.receiver.actions.effects import a_target, an_effect
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, a_toolbox

LABELS = {"alertname": "A; rm -rf /", "instance": "-oProxyCommand=x"}


async def run(ending: Finished | OutsideError, **options: object) -> tuple[str, StandInPrograms]:
    programs = StandInPrograms(ending)
    action = Run.model_validate({"argv": ["/opt/heal.sh", "--all"], **options})
    tools = a_toolbox(programs=programs, executables={"heal": "/usr/local/bin/heal"})
    return (await action.run(an_effect(labels=LABELS), tools)).text, programs


async def test_the_arguments_are_the_configs_whatever_the_labels_say() -> None:
    said, programs = await run(Finished(0, "one\ncleaned 3 files\n\n"))
    (ran,) = programs.ran
    assert ran.argv == ("/opt/heal.sh", "--all")
    assert said == "heal.sh ended with 0 in 0.0 s: cleaned 3 files"


async def test_it_knows_why_it_runs_and_nothing_of_the_labels() -> None:
    _, programs = await run(Finished(0, ""))
    assert programs.ran[0].env == {
        "PRUNELLA_ACTION_ID": "a-1",
        "PRUNELLA_EPISODE": "f1@1700000000",
        "PRUNELLA_STEP": "restart",
        "PRUNELLA_KIND": "restart",
        "PRUNELLA_TARGET": "shop",
        "PRUNELLA_FENCE": "7",
    }


async def test_labels_come_only_when_they_are_asked_for() -> None:
    _, programs = await run(Finished(0, ""), amx_env=True)
    assert programs.ran[0].env["AMX_LABEL_alertname"] == "A; rm -rf /"
    assert programs.ran[0].env["PRUNELLA_ACTION_ID"] == "a-1"
    assert programs.ran[0].argv == ("/opt/heal.sh", "--all")


async def test_a_bare_name_is_looked_up_in_the_config() -> None:
    _, programs = await run(Finished(0, ""), argv=["heal"])
    assert programs.ran[0].argv == ("/usr/local/bin/heal",)
    _, programs = await run(Finished(0, ""), argv=["other"])
    assert programs.ran[0].argv == ("other",)


@pytest.mark.parametrize(("own", "limit"), [(None, 60), ("5s", 5), ("5m", 60)])
async def test_the_shorter_timeout_counts(own: str | None, limit: float) -> None:
    _, programs = await run(Finished(0, ""), timeout=own)
    assert programs.ran[0].timeout == limit


async def test_another_exit_code_is_a_failure_with_its_last_words() -> None:
    with pytest.raises(ActionFailed, match=r"heal.sh ended with 3 in 0\.0 s: no disk$") as caught:
        await run(Finished(3, "trying\nno disk\n"))
    assert caught.value.started
    assert not isinstance(caught.value, ActionTimedOut)


async def test_its_last_words_are_short_and_hold_no_secret() -> None:
    with pytest.raises(ActionFailed) as caught:
        await run(Finished(1, "\x1b[31mpassword=c4nary redis://u:c4nary@h/ " + "x" * 1000))
    assert "c4nary" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


async def test_the_timeout_is_told_apart() -> None:
    with pytest.raises(ActionTimedOut, match=r"heal\.sh was ended after 60 s: half way"):
        await run(Finished(None, "half way"))


async def test_a_program_that_did_not_start_did_nothing() -> None:
    with pytest.raises(ActionFailed, match="cannot start") as caught:
        await run(OutsideError("cannot start heal", sent=False))
    assert not caught.value.started
    assert not caught.value.unknown


@pytest.mark.parametrize(
    "argv", [[], [""], ["-x"], ["./heal"], ["bin/heal"], ["a\0b"], ["a", "b\0"], "heal --all", [1]]
)
def test_arguments_that_make_no_sense_are_refused(argv: object) -> None:
    with pytest.raises(ValidationError):
        Run.model_validate({"argv": argv})


def test_its_promises() -> None:
    action = Run(argv=("heal", "--all"))
    assert Run.from_config_only
    assert not action.idempotent
    assert action.needs() is None
    assert action.executables(a_target()) == ("heal",)


async def real(code: str, *, timeout: float = 20, labels: Mapping[str, str] | None = None) -> str:
    action = Run(argv=(sys.executable, "-c", code), amx_env=True)
    tools = Tools(clock=SystemClock(), http=StandInHttp(), programs=SystemPrograms(grace=0.2))
    return (await action.run(an_effect(timeout=timeout, labels=dict(labels or {})), tools)).text


async def test_a_real_script_sees_its_labels_as_values() -> None:
    labels = {"instance": "$(id) `id` 'x' \n\0 -oProxy", "\ud800": "\udfff", "big": "x" * 1_000_000}
    said = await real("import os; print(ascii(os.environ['AMX_LABEL_instance']))", labels=labels)
    assert said.endswith(ascii("$(id) `id` 'x' \n -oProxy"))


async def test_a_real_script_is_ended_at_its_timeout() -> None:
    with pytest.raises(ActionTimedOut):
        await real("import time; time.sleep(60)", timeout=0.3)
