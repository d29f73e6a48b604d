"""All the places of a target's backups besides its directory: carried to while they are made, pruned alike, looked into
when the directory has not what is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prunella.logs import create_logger
from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.buckets import Store, opened
from receiver.backups.uploads import Upload
from receiver.decide.backups import VERIFIED, Backup, Kind, prunable

log = create_logger("prunella.receiver.backups")
_ANY = (BackupError, OSError, RuntimeError, ValueError)


@dataclass
class Carriers:
    """The uploads of one backup that is being made."""

    stores: list[Store]
    uploads: dict[int, Upload] = field(default_factory=dict)
    _following: list[asyncio.Task[None]] = field(default_factory=list)

    def follow(self, partial: Path, name: str) -> None:
        """Sends what there is of the file already, to all of them."""
        for number, store in enumerate(self.stores):
            self.uploads[number] = store.upload(name)
            self._following.append(asyncio.ensure_future(self.uploads[number].follow(partial)))

    async def rest(self) -> None:
        """What fails while it is written is told at the end, when all of it is sent again."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)

    async def finish(self, path: Path) -> None:
        """To all of them, also after one that cannot be had. Raises BackupError."""
        await self.rest()
        failed = []
        for number, store in enumerate(self.stores):
            begun = self.uploads.pop(number, None)
            try:
                await store.put(path, begun)
            except BackupError as error:
                failed.append(str(error))
        if failed:
            raise BackupError(
                f"{path.name} is whole in {path.parent}, but not everywhere: {'; '.join(failed)}"
            )

    async def abort(self) -> None:
        """Of what was not finished nothing stays."""
        await self.rest()
        for upload in self.uploads.values():
            with suppress(*_ANY):
                await upload.abort()


@asynccontextmanager
async def carriers(ground: Ground) -> AsyncIterator[Carriers]:
    """Connections to all of them, for as long as the block lasts. Raises BackupError."""
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(opened(one)) for one in ground.facet.s3]
        carried = Carriers(stores)
        try:
            yield carried
        finally:
            await carried.abort()


async def prune_buckets(ground: Ground, kinds: tuple[Kind, ...]) -> tuple[str, ...]:
    """By the same rule as the directory, each by what lies in it. Raises BackupError."""
    facet, gone = ground.facet, []
    for place in facet.s3:
        async with opened(place) as store:
            found = [one for one in await store.listed(ground.target) if one.kind in kinds]
            now = ground.tools.clock.now()
            for one in prunable(found, keep=facet.keep, keep_last=facet.keep_last, now=now):
                await store.remove(one.name)
                gone.append(f"{place.named}{one.name}")
    return tuple(gone)


async def mark_verified(ground: Ground, stamp: Path) -> None:
    """So that no bucket lets go of what was proven last. Raises BackupError."""
    for place in ground.facet.s3:
        async with opened(place) as store:
            await store.put_beside(stamp)


async def mark_unverified(ground: Ground, name: str) -> None:
    """A bucket that cannot be had keeps the stamp; that is said in the log only, because something worse is being told."""
    for place in ground.facet.s3:
        try:
            async with opened(place) as store:
                await store.remove_beside(f"{name}{VERIFIED}")
        except BackupError as error:
            log.warning("a stamp is left", target=ground.target, file=name, error=str(error))


async def elsewhere_listed(ground: Ground) -> tuple[tuple[str, tuple[Backup, ...], str], ...]:
    """Of each bucket what is in it, or why that cannot be told."""
    found = []
    for place in ground.facet.s3:
        try:
            async with opened(place) as store:
                found.append((place.named, await store.listed(ground.target), ""))
        except BackupError as error:
            found.append((place.named, (), str(error)))
    return tuple(found)


async def fetch(ground: Ground, name: str, into: Path) -> str:
    """From the first bucket that has it; its name. Raises BackupError."""
    problems: list[BackupError] = []
    for place in ground.facet.s3:
        try:
            async with opened(place) as store:
                await store.fetch(name, into)
                return place.named
        except BackupError as error:
            problems.append(error)
    said = "; ".join(map(str, problems)) or "there is no bucket"
    kind = Disproved if any(isinstance(one, Disproved) for one in problems) else BackupError
    raise kind(f"{name} could not be fetched: {said}")
