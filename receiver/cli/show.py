"""How an answer is shown: as JSON for scripts, or as a line for people."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any


def show(options: argparse.Namespace, answer: Any, people: Callable[[Any], str]) -> None:
    """Prints the answer as `--json` says."""
    print(json.dumps(answer, indent=2) if options.json else people(answer))
