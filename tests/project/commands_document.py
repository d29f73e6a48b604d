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

Every command takes `--url URL` (`PRUNELLA_URL`; else http://127.0.0.1:9651), `--token-file FILE` (`PRUNELLA_TOKEN_FILE`), `--json`, `--config FILE` and
`--log-level debug|info|warning|error`, before it or behind it. `--config` names the receiver.yml with which `simulate`, `lint`, `backtest`, `replay` and `restore` work,
and the other words of `backup` when there is no receiver any more; whatever asks the receiver takes its address from `server.listen` in it. Exit codes: 0 done, 1 the thing asked for failed, was refused, or the receiver did not answer, 2 a mistake in the command line or a config. Colours and
what refreshes in place are for terminals only, and `NO_COLOR` takes the colours away.

`--watch` stays until Ctrl-C and asks every two seconds: on a terminal the answer is kept up to date in place, in a pipe it is printed anew when it has
changed, and with `--json` as one line.

Completion: `eval "$(prunella completion bash)"` in `~/.bashrc`; `prunella completion zsh > ~/.zfunc/_prunella` with that folder in `fpath`;
`prunella completion fish > ~/.config/fish/completions/prunella.fish`."""
_OF_ALL = frozenset(
    {"--help", "--url", "--token-file", "--json", "--config", "--log-level", "--version"}
)


def document() -> str:
    """The whole page."""
    parts = [INTRODUCTION, *(part for one in leaves(grammar()) for part in _section(*one))]
    return "\n\n".join(parts) + "\n"


def script(shell: str) -> str:
    """What `prunella completion` prints."""
    whole = grammar()
    if shell == "zsh":
        _fill_places(whole)
    text: str = shtab.complete(whole, shell=shell)
    return text


def _fill_places(whole: argparse.ArgumentParser) -> None:
    """With files or nothing: of an argument that it is told nothing of, zsh finishes no option that stands in its place."""
    places = (one for _, _, parser in leaves(whole) for one in parser._actions)
    for one in places:
        if not one.option_strings and one.choices is None:
            one.complete = {"zsh": "_files" if one.dest == "file" else "()"}  # type: ignore[attr-defined]  # how shtab is told


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
