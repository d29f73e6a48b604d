from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from receiver.cli.__main__ import main

TYPED = """
source /dev/stdin <<< "$1"
COMP_WORDS=($2) COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
_shtab_prunella
printf '%s\\n' "${COMPREPLY[@]}"
"""
# What is typed, a tab, and a key that shows the line as it is then.
_IN_ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -D -u"
zpty -w shell 'show() { print -r -- "<""<$BUFFER>>"; exit }; zle -N show; bindkey "^G" show'
zpty -w -n shell "$2"$'\\t\\a'
zpty -r shell line '*<<*>>*'
print -r -- ${${line##*<<}%%>>*}
"""
_IN_FISH = "source $argv[1]; complete --do-complete $argv[2]"


def run(*argv: str) -> str:
    """What it prints."""
    assert shutil.which(argv[0]) is not None, f"there is no {argv[0]}: apt-get install {argv[0]}"
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


def written(capsys: pytest.CaptureFixture[str], folder: Path, shell: str) -> str:
    """The script of this shell, in a file of the name by which zsh finds it."""
    assert main(["completion", shell]) == 0
    file = folder / "_prunella"
    file.write_text(capsys.readouterr().out)
    return str(file)


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


TYPED_AND_MEANT = [
    ("prunella inc", "prunella incidents"),
    ("prunella backup ver", "prunella backup verify"),
    ("prunella incidents --wat", "prunella incidents --watch"),
    ("prunella repair api --js", "prunella repair api --json"),
    ("prunella completion fi", "prunella completion fish"),
]


@pytest.mark.server
@pytest.mark.parametrize(("typed", "meant"), TYPED_AND_MEANT)
def test_zsh_finishes_what_is_typed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, typed: str, meant: str
) -> None:
    written(capsys, tmp_path, "zsh")
    assert run("zsh", "-f", "-c", _IN_ZSH, "zsh", str(tmp_path), typed).strip() == meant


@pytest.mark.server
@pytest.mark.parametrize(("typed", "meant"), TYPED_AND_MEANT)
def test_fish_finishes_what_is_typed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, typed: str, meant: str
) -> None:
    script = written(capsys, tmp_path, "fish")
    offered = run("fish", "--no-config", "-c", _IN_FISH, script, typed)
    assert [line.partition("\t")[0] for line in offered.splitlines()] == [
        meant.rsplit(maxsplit=1)[-1]
    ]
