"""What the receiver's own backups write down of their runs, in a file beside them.

Only it knows of a run that failed before there was a file, and of a backup that was taken to a bucket alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """Of one kind of one target; times in unix seconds, 0 for never."""

    attempt: float
    ok: bool
    success: float
    size: float
    verified: float


def last_run(directory: Path, target: str, kind: str) -> Run | None:
    """None where nothing is written down, or nothing that can be read. Raises OSError only where there is a file."""
    try:
        with (directory / f".{target}.prunella.json").open("rb") as file:
            known = json.loads(file.read(LARGEST))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    said = known.get(kind) if isinstance(known, Mapping) else None
    if not isinstance(said, Mapping):
        return None
    numbers = [_number(said.get(key)) for key in ("success", "size", "verified", "attempt")]
    success, size, verified, attempt = numbers
    return Run(attempt, said.get("ok") is True, success, size, verified)


def _number(value: object) -> float:
    usable = isinstance(value, int | float) and math.isfinite(value) and value >= 0
    return float(value) if usable and isinstance(value, int | float) else 0.0
