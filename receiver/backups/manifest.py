"""What was in a backup when it was made: what a restore is compared with, and what a new database must be like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from receiver.backups.base import Disproved
from receiver.backups.files import write_whole
from receiver.decide.backups import MANIFEST

VERSION = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """`tables` and `others` are counts: rows by `schema.table`, and large objects, members, bytes by their names."""

    target: str
    kind: str
    at: str
    tables: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)
    database: Mapping[str, str] = field(default_factory=dict)
    version: int = VERSION

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(self.tables.values())

    def text(self) -> str:
        """As it lies beside the backup."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def write_manifest(backup: Path, manifest: Manifest) -> None:
    """Beside the backup."""
    write_whole(backup.with_name(backup.name + MANIFEST), manifest.text())


def read_manifest(backup: Path) -> Manifest:
    """The one beside it. Raises Disproved."""
    file = backup.with_name(backup.name + MANIFEST)
    try:
        said = json.loads(file.read_text())
        return Manifest(
            target=str(said["target"]),
            kind=str(said["kind"]),
            at=str(said["at"]),
            tables={str(name): int(count) for name, count in said["tables"].items()},
            others={str(name): int(count) for name, count in said["others"].items()},
            database={str(name): str(value) for name, value in said["database"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Disproved(
            f"{file.name} cannot be read ({type(error).__name__}): without it nobody knows what was in {backup.name}"
        ) from error
