"""What a config says of going back that can only fail: found when it is read, and not on the night when it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from prunella.service.rules import as_far_as_known
from receiver.raw_tree import Inconsistency
from receiver.targets import Target


def same_places(targets: Mapping[str, Target]) -> Iterator[Inconsistency]:
    """Targets whose releases lie in one folder: going back with one would take the other along."""
    owners: dict[Path, str] = {}
    for name, target in targets.items():
        folders = None
        with as_far_as_known():
            folders = None if target.release is None else target.release.folders
        if folders is None:
            continue
        owner = owners.setdefault(folders.resolve(), name)
        if owner != name:
            why = f"the releases of {owner} lie there already: one `current` is of one target"
            yield ("targets", name, "release", "path"), why, "config"
