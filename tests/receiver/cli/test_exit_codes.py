"""Every command of the grammar: 0 for done, 1 for what cannot be, 2 for a mistake in the line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from receiver.cli.__main__ import grammar, main
from tests.project.commands_document import leaves
from tests.receiver.rig import firing
from tests.receiver.web.serving import OPERATE, Client, serving

NOBODY = "http://127.0.0.1:1"
# what may stand behind each command that asks the receiver, and how it ends where one answers
ASKS: dict[str, tuple[str, int]] = {
    "status": ("", 0),
    "incidents": ("1", 0),
    "ack": ("1", 0),
    "approve": ("1", 1),
    "deny": ("1", 1),
    "resolve": ("1", 0),
    "pause": ("--reason x", 0),
    "resume": ("", 0),
    "maintenance start": ("--matcher service=x --duration 1h --reason x", 0),
    "maintenance end": ("1", 0),
    "maintenance list": ("", 0),
    "notify test": ("", 0),
    "oncall list": ("", 0),
    "oncall override": ("people ops --for 1h", 0),
    "oncall end": ("people", 0),
    "repair": ("shop no_such_action", 1),
    "heal": ("", 1),
    "playbooks show": ("nothing", 1),
    "playbooks promote": ("nothing --yes", 1),
    "playbooks demote": ("nothing", 1),
    "release started": ("shop v1", 0),
    "release finished": ("shop v1", 0),
    "release failed": ("shop v1", 1),
    "release quarantined": ("shop v0", 0),
    "release check": ("shop v0", 1),
    "release unfreeze": ("shop", 1),
    "release report": ("shop", 0),
    "rollback": ("shop", 1),
    "releases": ("", 0),
    "restore-point": ("shop", 0),
    "backup full": ("shop", 1),
    "backup database": ("shop", 1),
    "backup export": ("shop", 1),
    "backup config": ("shop", 1),
    "backup redis": ("shop", 1),
    "backup list": ("", 0),
    "backup verify": ("shop", 1),
    "backup drill": ("shop", 1),
    "backup cleanup": ("shop", 1),
    "journal": ("verify", 0),
}
HERE = {"backup restore", "simulate", "backtest", "replay", "lint", "rules render", "health"}
HERE |= {"completion"}
EVERY = {" ".join(words) for words, _, _ in leaves(grammar())}


def ended(*words: str) -> int:
    """The exit code, however the command comes to its end."""
    try:
        return main(words)
    except SystemExit as ending:
        return int(ending.code or 0)


def test_every_command_is_in_the_table() -> None:
    assert {*ASKS, *HERE} == EVERY


@pytest.mark.parametrize("command", sorted(EVERY))
def test_a_mistake_in_the_line_is_2(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(*command.split(), "--no-such-option") == 2
    assert "prunella" in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted(ASKS))
def test_a_receiver_that_is_not_there_is_1_and_what_to_do_is_said(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(*command.split(), *ASKS[command][0].split(), "--url", NOBODY) == 1
    assert "is the receiver running?" in capsys.readouterr().err


async def test_what_a_receiver_answers_is_0_or_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {
        "rotations": {"people": {"members": ["ops"], "start": "2026-01-05"}},
        "channels": {"ops": {"kind": "log"}},
    }
    token = tmp_path / "token"
    token.write_text(OPERATE)
    async with serving(tmp_path, mode="shadow", **config) as client:
        await client.alerts(json.dumps({"alerts": [firing()]}).encode())
        ends = {command: await _asked(client, token, command) for command in ASKS}
    assert ends == {command: ending for command, (_, ending) in ASKS.items()}
    assert "Traceback" not in capsys.readouterr().err


async def _asked(client: Client, token: Path, command: str) -> int:
    words = (*command.split(), *ASKS[command][0].split())
    return await asyncio.to_thread(
        ended, *words, "--url", client.url, "--token-file", str(token), "--json"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("incidnts", "there is no 'incidnts' (did you mean incidents?)"),
        ("backup veryfy", "there is no 'veryfy' (did you mean verify?)"),
        ("heal session", "there is no 'session' (did you mean sessions?)"),
        ("xyzzy", "known: status, incidents"),
    ],
)
def test_what_is_mistyped_is_answered_with_what_may_have_been_meant(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(*words.split()) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("status --url notaurl", "--url: must be an address such as http://127.0.0.1:9651"),
        ("status --url http://x:99999", "--url: must be an address"),
        ("health --url ftp://x", "--url: must be an address"),
        ("health notaurl", "ADDRESS: must be an address"),
        ("status --token-file /nonexistent", "--token-file /nonexistent cannot be read: No such"),
        ("status --token-file /", "--token-file / cannot be read: Is a directory; it is to hold"),
    ],
)
def test_a_place_that_cannot_be_is_one_line_with_what_is_wanted(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(*words.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.server  # a process each, for an environment of its own
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("status", "PRUNELLA_URL"),
        ("status", "PRUNELLA_TOKEN_FILE"),
        ("health", "PRUNELLA_EXPORTER_URL"),
    ],
)
def test_a_place_that_the_environment_says_is_called_by_its_name(command: str, name: str) -> None:
    argv = [sys.executable, "-m", "receiver.cli", command]
    env = {**os.environ, name: "/none"}
    ran = subprocess.run(argv, env=env, check=False, capture_output=True, text=True)
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert name in line


@pytest.mark.parametrize("held", [b"", b"\xff\xfe", b"two: words\n", b"one\ntwo\n"])
def test_a_file_that_holds_no_token_is_said_to_hold_none(
    held: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_bytes(held)
    assert ended("status", "--token-file", str(tmp_path / "token")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "it is to hold a token" in line


@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000, "-5", "seven", ""])
@pytest.mark.parametrize(
    ("command", "listed_by"),
    [
        *((word, "prunella incidents") for word in ("incidents", "ack", "approve")),
        ("maintenance end", "prunella maintenance list"),
    ],
)
def test_what_can_be_no_number_of_one_is_answered_with_where_there_are_some(
    command: str, listed_by: str, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(*command.split(), number) == 2
    said = capsys.readouterr().err
    assert f"`{listed_by}` lists those there are" in said
    assert len(said) < 2000
