"""`prunella completion SHELL`: what a shell has to know to finish our words.

The scripts are made from the grammar by shtab when the project is built (`python -m tests.project.commands_document`), so
that nobody needs shtab to use them, and no key press waits for Python to start.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from receiver.cli.operate import Command

FOLDER = Path(__file__).parent / "completions"
SHELLS = ("bash", "zsh", "fish")


def add_completion(command: Command) -> None:
    """`completion bash|zsh|fish`."""
    parser = command("completion", 'a script for your shell: eval "$(prunella completion bash)"')
    parser.add_argument("shell", choices=SHELLS)


def completion(options: argparse.Namespace) -> int:
    """Prints it."""
    print((FOLDER / f"prunella.{options.shell}").read_text(encoding="utf-8"), end="")
    return 0
