"""A backup is a hope until it was restored: into a scratch database, every table counted, and the scratch gone again."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prunella.logs import create_logger
from receiver.backups import files
from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.catalog import snapshot
from receiver.backups.configuration import check_config
from receiver.backups.database import LARGE
from receiver.backups.dump import listing, run_tool
from receiver.backups.encryption import readable
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
from receiver.backups.stores import elsewhere_listed, fetch, mark_unverified, mark_verified
from receiver.decide.backups import (
    VERIFIED,
    Backup,
    Kind,
    contents,
    differences,
    last_verified,
    newest,
)
from receiver.stores.postgres_store import PostgresFacet

log = create_logger("prunella.receiver.backups")
SAFE = ("--no-owner", "--no-privileges", "--no-subscriptions", "--no-publications")


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven, of which backup, and how long it took."""

    name: str
    found: str
    rows: int = 0
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.name}: {self.found}"


async def prove(
    ground: Ground,
    name: str | None = None,
    *,
    kind: Kind = Kind.DATABASE,
    restore: bool = True,
    away: bool = False,
) -> Proof:
    """Proves that one, or the last of that kind; with `away` as it is in a bucket. Raises BackupError."""
    directory = ground.facet.directory
    await asyncio.to_thread(files.check_place, directory)
    with files.alone(directory, ground.target):
        now = ground.tools.clock.now()
        try:
            backup = await choose(ground, name, kind, away=away)
        except BackupError as error:
            if name is None:  # the drill could not be held; a name that was mistyped says nothing
                _failed(ground, kind, now, str(error))
            raise
        return await _recorded(ground, backup, now, restore=restore, away=away)


async def choose(
    ground: Ground, name: str | None, kind: Kind = Kind.DATABASE, *, away: bool = False
) -> Backup:
    """The one of that name, or the last of that kind; fetched when it is in a bucket only. Raises BackupError with
    those that there are."""
    directory = ground.facet.directory
    here = await asyncio.to_thread(listed, directory, ground.target)
    wanted = Path(name).name if name is not None else None
    backup = None if away else _among(here, wanted, kind)
    if backup is not None:
        return backup
    there = [one for _, found, _ in await elsewhere_listed(ground) for one in found]
    backup = _among(there, wanted, kind)
    if backup is None:
        known = ", ".join(sorted({one.name for one in (*here, *there)}, reverse=True)[:5]) or "none"
        what = f"backup of the {kind}" if wanted is None else f"backup {wanted}"
        places = ", ".join([str(directory), *(one.named for one in ground.facet.s3)])
        raise BackupError(
            f"there is no {what} of {ground.target} in {places}; the last ones: {known}",
            started=False,
        )
    if not away:
        await ground.tools.progress(f"fetching {backup.name}")
        await fetch(ground, backup.name, directory)
    return backup


def _among(found: Sequence[Backup], wanted: str | None, kind: Kind) -> Backup | None:
    if wanted is None:
        return newest(found, kind)
    return next((one for one in found if one.name == wanted), None)


async def _recorded(
    ground: Ground, backup: Backup, now: float, *, restore: bool, away: bool
) -> Proof:
    directory, proof, reason = ground.facet.directory, None, "it was broken off"
    try:
        with _at(directory, away=away) as place:
            if away:
                await fetch(ground, backup.name, place)
            proof = await _proven(ground, backup, place, restore=restore)
            if restore:
                await _stamp(ground, backup, proof, now, place)
    except BackupError as error:
        reason = str(error)
        if isinstance(error, Disproved):
            await withdraw(ground, backup)
        raise
    finally:
        if proof is None:
            named = reason if backup.name in reason else f"{backup.name}: {reason}"
            _failed(ground, backup.kind, now, named)
    return proof


@contextmanager
def _at(directory: Path, *, away: bool) -> Iterator[Path]:
    """Where the copy lies that is proven: one from a bucket is thrown away afterwards."""
    if not away:
        yield directory
        return
    with tempfile.TemporaryDirectory(dir=directory, prefix=".drill-") as place:
        yield Path(place)


async def _stamp(ground: Ground, backup: Backup, proof: Proof, now: float, place: Path) -> None:
    """Here, where it lies here, and in every bucket."""
    text = json.dumps({"at": now, "rows": proof.rows, "seconds": round(proof.seconds, 3)}) + "\n"
    for one in {place, ground.facet.directory}:
        if (one / backup.name).exists():
            files.write_whole(one / f"{backup.name}{VERIFIED}", text)
    _record(
        *(ground, backup.kind), verify_attempt=now, verify_ok=True, verify_reason="", verified=now,
        verified_file=backup.name, restore_seconds=proof.seconds,
    )  # fmt: skip
    await mark_verified(ground, place / f"{backup.name}{VERIFIED}")


async def withdraw(ground: Ground, backup: Backup) -> None:
    """It counts as proven no longer, here and in every bucket that can be had: what does is the one before."""
    directory = ground.facet.directory
    files.remove(directory / f"{backup.name}{VERIFIED}")
    before = last_verified(await asyncio.to_thread(listed, directory, ground.target), backup.kind)
    at, name = (0.0, "") if before is None else (before.verified_at, before.name)
    _record(ground, backup.kind, verified=at, verified_file=name)
    await mark_unverified(ground, backup.name)


def _failed(ground: Ground, kind: Kind, now: float, reason: str) -> None:
    log.warning("a backup is not proven", target=ground.target, kind=str(kind), reason=reason)
    _record(ground, kind, verify_attempt=now, verify_ok=False, verify_reason=reason)


def _record(ground: Ground, kind: Kind, **changes: object) -> None:
    with suppress(OSError):
        write_record(ground.facet.directory, ground.target, kind, **changes)


async def _proven(ground: Ground, backup: Backup, place: Path, *, restore: bool) -> Proof:
    path = place / backup.name
    await asyncio.to_thread(files.check_sum, path)
    manifest = await asyncio.to_thread(read_manifest, path)
    if not restore and backup.encrypted and ground.facet.identity_file is None:
        return Proof(path.name, "its sum is right; encrypted, so that nothing more can be told")
    async with readable(path, ground.facet) as plain:
        if backup.kind is Kind.DATABASE:
            return await (_drill if restore else _readable)(ground, backup, plain, manifest)
        return await asyncio.to_thread(_read, backup, plain, manifest)


def _read(backup: Backup, plain: Path, manifest: Manifest) -> Proof:
    match backup.kind:
        case Kind.EXPORT:
            counts = check_export(plain, manifest)
            rows = sum(counts.values())
            return Proof(backup.name, f"{rows:,} rows in {len(counts):,} tables were read", rows)
        case Kind.CONFIG:
            return Proof(backup.name, f"{check_config(plain)} files were read")
        case _:
            return Proof(backup.name, f"{check_redis(plain):,} bytes, whole")


async def _readable(ground: Ground, backup: Backup, plain: Path, manifest: Manifest) -> Proof:
    found = contents(await listing(ground, plain), ())
    text = f"its sum is right, and pg_restore reads {found.objects:,} objects; not restored"
    return Proof(backup.name, text, manifest.rows)


async def _drill(ground: Ground, backup: Backup, plain: Path, manifest: Manifest) -> Proof:
    clock = ground.tools.clock
    began = clock.monotonic()
    async with scratch(ground, manifest) as made:
        await restore_into(ground, plain, made, SAFE)
        await compare(made, manifest)
    took = clock.monotonic() - began
    text = f"restored in {took:,.1f} s, {manifest.rows:,} rows in {len(manifest.tables):,} tables are there"
    return Proof(backup.name, text, manifest.rows, took)


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
    """Every table and large object that was in it. Raises Disproved."""
    async with snapshot(place) as moment:
        found = await moment.counts(await moment.tables())
        large = await moment.large_objects()
    wrong = differences(
        {**manifest.tables, LARGE: manifest.others.get(LARGE, 0)}, {**found, LARGE: large}
    )
    if wrong:
        raise Disproved(f"what was restored is not what was in the database: {wrong}")
