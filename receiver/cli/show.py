"""How an answer is shown: as JSON for scripts, or as a line for people."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from prunella.redaction import printable


def show(options: argparse.Namespace, answer: Any, people: Callable[[Any], str]) -> None:
    """Prints the answer as `--json` says. Titles and reasons are written by whoever can fire an alert."""
    print(json.dumps(answer, indent=2) if options.json else people(_harmless(answer)))


def show_begun(options: argparse.Namespace, answer: Any) -> None:
    """In which incident it is done, and where what becomes of it is seen."""
    words = "incident {incident}: follow it with `prunella incidents {incident}`"
    show(options, answer, lambda said: words.format(incident=said["incident"]))


def _harmless(answer: Any) -> Any:
    """The same without anything that a terminal would obey, or that would begin a line of its own."""
    if isinstance(answer, str):
        return printable(answer)
    if isinstance(answer, dict):
        return {key: _harmless(value) for key, value in answer.items()}
    return [_harmless(one) for one in answer] if isinstance(answer, list) else answer
