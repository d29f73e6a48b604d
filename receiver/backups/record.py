"""What became of the last runs, in a file beside the backups: metrics come from it, also after a restart, also of another
process that made them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from receiver.backups.files import write_whole


@dataclass(frozen=True, slots=True)
class Runs:
    """Of one kind of one target; times in unix seconds, 0 for never."""

    attempt: float = 0.0
    ok: bool = False
    reason: str = ""
    success: float = 0.0
    size: int = 0
    seconds: float = 0.0
    file: str = ""
    verify_attempt: float = 0.0
    verify_ok: bool = False
    verify_reason: str = ""
    verified: float = 0.0
    verified_file: str = ""
    restore_seconds: float = 0.0


def _place(directory: Path, target: str) -> Path:
    return directory / f".{target}.prunella.json"


def read_record(directory: Path, target: str) -> dict[str, Runs]:
    """By kind; nothing where nothing is, or can be read."""
    known = {one.name for one in fields(Runs)}
    try:
        said = json.loads(_place(directory, target).read_text())
        return {
            str(kind): Runs(**{name: value for name, value in runs.items() if name in known})
            for kind, runs in said.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_record(directory: Path, target: str, kind: str, **changes: object) -> None:
    """Changes what is known of one kind. Raises OSError."""
    known = read_record(directory, target)
    known[kind] = replace(known.get(kind, Runs()), **changes)  # type: ignore[arg-type] # the names are those of Runs
    text = json.dumps({name: asdict(runs) for name, runs in known.items()}, indent=2)
    write_whole(_place(directory, target), text + "\n")
