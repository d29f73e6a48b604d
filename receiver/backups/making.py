"""One backup from the first byte to its place, or none: made beside, checked, summed, put in place, carried on, and only
then anything older let go."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prunella.logs import create_logger
from prunella.timestamps import timestamp
from receiver.backups import files
from receiver.backups.base import BackupError, Ground
from receiver.backups.configuration import make_config
from receiver.backups.database import make_database
from receiver.backups.encryption import encrypt
from receiver.backups.export import make_export
from receiver.backups.local import prune
from receiver.backups.manifest import Manifest, write_manifest
from receiver.backups.pings import pinged
from receiver.backups.record import read_record, write_record
from receiver.backups.redis_copy import make_redis
from receiver.backups.stores import carriers, prune_buckets
from receiver.decide.backups import AGE, PARTIAL, SUM, Kind, file_name

log = create_logger("prunella.receiver.backups")
Maker = Callable[[Ground, Path, str], Awaitable[Manifest]]
MAKERS: Mapping[Kind, Maker] = {
    Kind.DATABASE: make_database,
    Kind.EXPORT: make_export,
    Kind.CONFIG: make_config,
    Kind.REDIS: make_redis,
}


@dataclass(frozen=True, slots=True)
class Made:
    """What is there now, and what is not any more."""

    name: str
    size: int
    seconds: float
    manifest: Manifest
    pruned: int = 0

    @property
    def text(self) -> str:
        """For people."""
        speed = f"{self.size / 1e6:,.1f} MB in {self.seconds:,.1f} s"
        gone = f", {self.pruned} older ones let go" if self.pruned else ""
        what = f"{self.manifest.rows:,} rows in {len(self.manifest.tables):,} tables, "
        return f"{self.name}: {what if self.manifest.tables else ''}{speed}{gone}"


async def back_up(ground: Ground, kind: Kind) -> Made:
    """Makes one of that kind. Raises BackupError; whatever was there before is still there then."""
    directory = ground.facet.directory
    await asyncio.to_thread(files.check_place, directory)
    with files.alone(directory, ground.target):
        async with pinged(ground, kind):
            return await _recorded(ground, kind)


async def _recorded(ground: Ground, kind: Kind) -> Made:
    """The same, and what became of it in the record, also when it was broken off."""
    directory, clock = ground.facet.directory, ground.tools.clock
    began, made, reason = clock.now(), None, "it was broken off"
    try:
        made = await _made(ground, kind)
    except BackupError as error:
        reason = str(error)
        raise
    except OSError as error:
        reason = _explained(error, directory)
        raise BackupError(reason) from error
    finally:
        if made is None:
            files.clear_unfinished(directory, ground.target)
            log.warning("a backup failed", target=ground.target, kind=str(kind), reason=reason)
            with suppress(OSError):  # a full disk must not hide why
                _record(ground, kind, attempt=began, ok=False, reason=reason)
    _record(
        *(ground, kind), attempt=began, ok=True, reason="", success=began,
        size=made.size, seconds=made.seconds, file=made.name,
    )  # fmt: skip
    pruned = len(await _pruned(ground, (kind,)))
    log.info("a backup was made", target=ground.target, file=made.name, size=made.size)
    return Made(made.name, made.size, made.seconds, made.manifest, pruned)


async def _made(ground: Ground, kind: Kind) -> Made:
    directory, clock = ground.facet.directory, ground.tools.clock
    await asyncio.to_thread(files.clear_unfinished, directory, ground.target)
    began = clock.monotonic()
    path = await asyncio.to_thread(_place, ground, kind)
    partial = path.with_name(path.name + PARTIAL)
    recipients = ground.facet.encrypt_to
    async with carriers(ground) as carried:
        if not recipients and ground.facet.jobs == 1:
            carried.follow(partial, path.name)
        manifest = await MAKERS[kind](ground, partial, timestamp(int(clock.now()), "seconds"))
        if recipients:
            path = path.with_name(path.name + AGE)
            plain, partial = partial, path.with_name(path.name + PARTIAL)
            await asyncio.to_thread(encrypt, plain, partial, recipients)
        size = await asyncio.to_thread(_finish, partial, path, manifest)
        await carried.finish(path)
    return Made(path.name, size, clock.monotonic() - began, manifest)


def _place(ground: Ground, kind: Kind) -> Path:
    """A name that nothing has yet: two of one second are a second apart."""
    at, directory = ground.tools.clock.now(), ground.facet.directory
    while True:
        path = directory / file_name(ground.target, kind, at)
        if not path.exists() and not path.with_name(path.name + AGE).exists():
            return path
        at += 1


def _finish(partial: Path, path: Path, manifest: Manifest) -> int:
    """Everything beside it first, so that what has its name is whole."""
    size = files.size_of(partial)
    if size == 0:
        raise BackupError(f"{path.name} would be empty")
    write_manifest(path, manifest)
    files.write_whole(path.with_name(path.name + SUM), files.summed(partial, path.name))
    files.put_in_place(partial, path)
    return size


async def _pruned(ground: Ground, kinds: tuple[Kind, ...]) -> tuple[str, ...]:
    facet, now = ground.facet, ground.tools.clock.now()
    gone = await asyncio.to_thread(prune, facet.directory, ground.target, facet, kinds, now)
    return (*gone, *await prune_buckets(ground, kinds))


def _record(ground: Ground, kind: Kind, **changes: object) -> None:
    write_record(ground.facet.directory, ground.target, kind, **changes)


def _explained(error: OSError, directory: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"{directory} is full: make room, or let less be kept (`keep`, `keep_last`)"
    return f"{directory}: {error.strerror or error}"


async def clean_up(ground: Ground) -> tuple[str, ...]:
    """Lets go of what may go, and of what is unfinished; what went. Raises BackupError."""
    directory = ground.facet.directory
    await asyncio.to_thread(files.check_place, directory)
    with files.alone(directory, ground.target):
        await asyncio.to_thread(files.clear_unfinished, directory, ground.target)
        failed = [
            f"{kind}: {runs.reason}"
            for kind, runs in read_record(directory, ground.target).items()
            if not runs.ok
        ]
        if failed:
            raise BackupError(
                f"the last run failed ({'; '.join(failed)}): nothing is let go until one succeeds",
                started=False,
            )
        return await _pruned(ground, tuple(Kind))
