from __future__ import annotations

import subprocess

import pytest

from receiver.cli.__main__ import main

TYPED = """
source /dev/stdin <<< "$1"
COMP_WORDS=($2) COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
_shtab_prunella
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(capsys: pytest.CaptureFixture[str], typed: str) -> set[str]:
    """What a real bash offers for what is typed."""
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    done = subprocess.run(
        ["bash", "-c", TYPED, "bash", script, typed], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_finishes_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert completed(capsys, "prunella inc") == {"incidents"}


def test_bash_finishes_a_word_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert completed(capsys, "prunella backup ver") == {"verify"}


def test_bash_finishes_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--watch" in completed(capsys, "prunella incidents --w")


@pytest.mark.parametrize(("shell", "mark"), [("zsh", "#compdef prunella"), ("fish", "complete")])
def test_other_shells_have_scripts_of_their_own(
    capsys: pytest.CaptureFixture[str], shell: str, mark: str
) -> None:
    assert main(["completion", shell]) == 0
    assert mark in capsys.readouterr().out
