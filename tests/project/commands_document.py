"""docs/cli.md and the shells' completions, made from the command line's own grammar: `python -m tests.project.commands_document` writes them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab

from receiver.cli.__main__ import grammar
from receiver.cli.completion import FOLDER, SHELLS

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
INTRODUCTION = """\
# The command line

Made from the command line itself by `python -m tests.project.commands_document`: do not edit it here.

Every command takes `--url URL` (`PRUNELLA_URL`; else http://127.0.0.1:9651), `--token-file FILE` (`PRUNELLA_TOKEN_FILE`) and `--json`, before it or
behind it. Exit codes: 0 done, 1 the thing asked for failed, was refused, or the receiver did not answer, 2 a mistake in the command line or a config. Colours and
what refreshes in place are for terminals only, and `NO_COLOR` takes the colours away.

`--watch` stays until Ctrl-C and asks every two seconds: on a terminal the answer is kept up to date in place, in a pipe it is printed anew when it has
changed, and with `--json` as one line.

Completion: `eval "$(prunella completion bash)"` in `~/.bashrc`; `prunella completion zsh > ~/.zfunc/_prunella` with that folder in `fpath`;
`prunella completion fish > ~/.config/fish/completions/prunella.fish`."""
_OF_ALL = frozenset({"--help", "--url", "--token-file", "--json", "--version"})


def document() -> str:
    """The whole page."""
    parts = [INTRODUCTION, *(part for one in leaves(grammar()) for part in _section(*one))]
    return "\n\n".join(parts) + "\n"


def script(shell: str) -> str:
    """What `prunella completion` prints."""
    text: str = shtab.complete(grammar(), shell=shell)
    return text


def leaves(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = (), about: str = ""
) -> Iterator[tuple[tuple[str, ...], str, argparse.ArgumentParser]]:
    """Every command that stands for itself: its words, what it is for, its parser."""
    nested = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not nested:
        yield words, about, parser
    for one in nested:
        meanings = {choice.dest: choice.help or "" for choice in one._choices_actions}
        for name, inner in one.choices.items():
            yield from leaves(inner, (*words, name), meanings.get(name, ""))


def _section(words: tuple[str, ...], about: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## `prunella {' '.join(words)}`"
    yield f"{about[:1].upper()}{about[1:]}."
    rows = [*_rows(parser)]
    if rows:
        yield "\n".join(["| argument | what |", "|---|---|", *rows])
    if parser.epilog:
        yield parser.epilog


def _rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    for one in parser._actions:
        if _OF_ALL.intersection(one.option_strings):
            continue
        name = ", ".join(one.option_strings) or str(one.metavar or one.dest)
        if one.option_strings and one.nargs != 0:
            name += f" {one.metavar or one.dest.upper()}"
        known = ", ".join(f"`{choice}`" for choice in one.choices or ())
        needed = "required" if one.required and one.option_strings else ""
        said = "; ".join(part for part in (one.help or "", known, needed) if part)
        shown = name.replace("|", "\\|")
        yield f"| `{shown}` | {said.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
    FOLDER.mkdir(exist_ok=True)
    for each in SHELLS:
        (FOLDER / f"prunella.{each}").write_text(script(each))
