"""The directory where backups lie: what is there, and letting go of what may go."""

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from receiver.backups.facet import BackupFacet
from receiver.backups.files import remove_backup, size_of
from receiver.decide.backups import VERIFIED, Backup, Kind, parse_name, prunable


def listed(directory: Path, target: str) -> tuple[Backup, ...]:
    """The whole ones of a target, the newest first. Raises OSError."""
    found = []
    for one in directory.iterdir():
        backup = parse_name(target, one.name)
        if backup is not None:
            found.append(replace(backup, size=size_of(one), verified_at=_verified_at(one)))
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def prune(
    directory: Path, target: str, facet: BackupFacet, kinds: Container[Kind], now: float
) -> tuple[str, ...]:
    """Takes away what may go of these kinds, and says what that was."""
    found = [one for one in listed(directory, target) if one.kind in kinds]
    gone = prunable(found, keep=facet.keep, keep_last=facet.keep_last, now=now)
    for one in gone:
        remove_backup(directory, one.name)
    return tuple(one.name for one in gone)


def _verified_at(path: Path) -> float:
    with suppress(OSError):
        return path.with_name(path.name + VERIFIED).stat().st_mtime
    return 0.0
