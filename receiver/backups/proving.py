"""A backup is a hope until it was restored: into a scratch database, every table counted, and the scratch gone again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prunella.logs import create_logger
from receiver.backups import files
from receiver.backups.base import BackupError, Ground
from receiver.backups.catalog import snapshot
from receiver.backups.configuration import check_config
from receiver.backups.database import LARGE
from receiver.backups.dump import listing, run_tool
from receiver.backups.export import check_export
from receiver.backups.libpq import login
from receiver.backups.local import listed
from receiver.backups.manifest import Manifest, read_manifest
from receiver.backups.record import write_record
from receiver.backups.redis_copy import check_redis
from receiver.backups.scratch import (
    create,
    drill_prefix,
    drop,
    drop_left,
    elsewhere,
    managing,
    named_like,
)
from receiver.decide.backups import VERIFIED, Backup, Kind, contents, differences, newest
from receiver.stores.postgres_store import PostgresFacet

log = create_logger("prunella.receiver.backups")
SAFE = ("--no-owner", "--no-privileges", "--no-subscriptions", "--no-publications")


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven, of which backup, and how long it took."""

    name: str
    text: str
    rows: int = 0
    seconds: float = 0.0


async def prove(ground: Ground, name: str | None = None, *, restore: bool = True) -> Proof:
    """Proves that one, or the last of the database. Raises BackupError."""
    directory = ground.facet.directory
    await asyncio.to_thread(files.check_place, directory)
    with files.alone(directory, ground.target):
        backup = await asyncio.to_thread(choose, ground, name)
        return await _recorded(ground, backup, restore=restore)


def choose(ground: Ground, name: str | None) -> Backup:
    """The one of that name, or the last of the database. Raises BackupError with those that there are."""
    found = listed(ground.facet.directory, ground.target)
    wanted = Path(name).name if name is not None else None
    named = next((one for one in found if one.name == wanted), None)
    backup = newest(found, Kind.DATABASE) if wanted is None else named
    if backup is None:
        known = ", ".join(one.name for one in found[:5]) or "none"
        what = "backup of the database" if wanted is None else f"backup {wanted}"
        raise BackupError(
            f"there is no {what} of {ground.target} in {ground.facet.directory}; the last ones: {known}",
            started=False,
        )
    return backup


async def _recorded(ground: Ground, backup: Backup, *, restore: bool) -> Proof:
    now, proof, reason = ground.tools.clock.now(), None, "it was broken off"
    try:
        proof = await _proven(ground, backup, restore=restore)
    except BackupError as error:
        reason = str(error)
        raise
    finally:
        if proof is None:
            log.warning(
                "a backup is not proven", target=ground.target, file=backup.name, reason=reason
            )
            _record(ground, backup, verify_attempt=now, verify_ok=False, verify_reason=reason)
    if restore:
        _stamp(ground, backup, proof, now)
    return proof


def _stamp(ground: Ground, backup: Backup, proof: Proof, now: float) -> None:
    text = json.dumps({"at": now, "rows": proof.rows, "seconds": round(proof.seconds, 3)})
    files.write_whole(ground.facet.directory / f"{backup.name}{VERIFIED}", text + "\n")
    _record(
        *(ground, backup), verify_attempt=now, verify_ok=True, verify_reason="", verified=now,
        verified_file=backup.name, restore_seconds=proof.seconds,
    )  # fmt: skip


def _record(ground: Ground, backup: Backup, **changes: object) -> None:
    with suppress(OSError):
        write_record(ground.facet.directory, ground.target, backup.kind, **changes)


async def _proven(ground: Ground, backup: Backup, *, restore: bool) -> Proof:
    path = ground.facet.directory / backup.name
    await asyncio.to_thread(files.check_sum, path)
    match backup.kind:
        case Kind.DATABASE if restore:
            return await _drill(ground, path)
        case Kind.DATABASE:
            return await _readable(ground, path)
        case Kind.EXPORT:
            counts = await asyncio.to_thread(check_export, path)
            rows = sum(counts.values())
            return Proof(backup.name, f"{rows:,} rows in {len(counts):,} tables were read", rows)
        case Kind.CONFIG:
            return Proof(
                backup.name, f"{await asyncio.to_thread(check_config, path)} files were read"
            )
        case Kind.REDIS:
            return Proof(
                backup.name, f"{await asyncio.to_thread(check_redis, path):,} bytes, whole"
            )


async def _readable(ground: Ground, path: Path) -> Proof:
    manifest = await asyncio.to_thread(read_manifest, path)
    found = contents(await listing(ground, path), ())
    text = f"its sum is right, and pg_restore reads {found.objects:,} objects; not restored"
    return Proof(path.name, text, manifest.rows)


async def _drill(ground: Ground, path: Path) -> Proof:
    clock, manifest = ground.tools.clock, await asyncio.to_thread(read_manifest, path)
    began = clock.monotonic()
    async with scratch(ground, manifest) as made:
        await restore_into(ground, path, made, SAFE)
        await compare(made, manifest)
    took = clock.monotonic() - began
    text = f"restored in {took:,.1f} s, {manifest.rows:,} rows in {len(manifest.tables):,} tables are there"
    return Proof(path.name, text, manifest.rows, took)


@asynccontextmanager
async def scratch(ground: Ground, manifest: Manifest) -> AsyncIterator[PostgresFacet]:
    """A database that is gone at the end, and those that were left before. Raises BackupError."""
    url = ground.facet.drill_url
    server = ground.database if url is None else PostgresFacet.model_validate({"url": url})
    prefix = drill_prefix(ground.target)
    name = named_like(prefix.rstrip("_"), "new")
    async with managing(server) as db:
        ground.tools.require_lease()
        await drop_left(db, prefix)
        await create(db, name, manifest.database)
    try:
        yield elsewhere(server, name)
    finally:
        await asyncio.shield(asyncio.ensure_future(_dropped(server, name)))


async def _dropped(server: PostgresFacet, name: str) -> None:
    with suppress(BackupError):  # the next drill takes it away
        async with managing(server) as db:
            await drop(db, name)


async def restore_into(
    ground: Ground, path: Path, place: PostgresFacet, options: Sequence[str]
) -> None:
    """All of it, or an error at the first thing that cannot be. Raises BackupError."""
    jobs = [f"--jobs={ground.facet.jobs}"] if ground.facet.jobs > 1 else []
    with login(place.dialled) as known:
        argv = ["pg_restore", "--exit-on-error", "--no-password", *jobs, *options]
        await run_tool(ground, known, [*argv, f"--dbname={known.address}", str(path)])


async def compare(place: PostgresFacet, manifest: Manifest) -> None:
    """Every table and large object that was in it. Raises BackupError."""
    async with snapshot(place) as moment:
        found = await moment.counts(await moment.tables())
        large = await moment.large_objects()
    wrong = differences(
        {**manifest.tables, LARGE: manifest.others.get(LARGE, 0)}, {**found, LARGE: large}
    )
    if wrong:
        raise BackupError(f"what was restored is not what was in the database: {wrong}")
