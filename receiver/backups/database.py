"""The database of a target as a file for pg_restore, with the counts of the very moment that is in it."""

from __future__ import annotations

from pathlib import Path

from receiver.backups.base import BackupError, Ground
from receiver.backups.catalog import Snapshot, Table, snapshot
from receiver.backups.dump import dump, listing, together
from receiver.backups.libpq import login
from receiver.backups.manifest import Manifest
from receiver.decide.backups import Kind, contents

LARGE, OBJECTS = "large objects", "objects"


async def make_database(ground: Ground, path: Path, at: str) -> Manifest:
    """Dumps to `path` and says what is in it. Raises BackupError."""
    facet = ground.database
    async with snapshot(facet) as moment:
        missing = await moment.empty(ground.facet.sentinels)
        if missing:
            raise BackupError(
                f"{', '.join(missing)} of `sentinels` is missing or empty in {facet.named}: this database is not what"
                " should be kept, so that nothing was made and nothing pruned"
            )
        tables = await moment.tables()
        with login(facet.dialled) as known:
            counted = await together(_count(moment, tables), dump(ground, known, moment.name, path))
        large = await moment.large_objects()
        properties = await moment.properties()
    found = contents(await listing(ground, path), tables)
    if found.missing:
        raise BackupError(f"the dump lacks the rows of {', '.join(found.missing[:5])}")
    others = {LARGE: large, OBJECTS: found.objects}
    return Manifest(ground.target, Kind.DATABASE, at, counted, others, properties)


async def _count(moment: Snapshot, tables: tuple[Table, ...]) -> dict[str, int]:
    return await moment.counts(tables)
