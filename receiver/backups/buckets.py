"""Buckets of any S3-compatible service: the second place, where a backup is when the machine is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from prunella.redaction import printable, redact
from receiver.backups import files
from receiver.backups.base import BackupError
from receiver.backups.facet import Bucket
from receiver.backups.optional import library
from receiver.backups.uploads import Upload
from receiver.decide.backups import BESIDE, PARTIAL, VERIFIED, Backup, parse_name

T = TypeVar("T")
ATTEMPTS = 4
CHUNK = 1 << 20
CURES = {
    "NoSuchBucket": "the bucket is not there: make it, or correct `bucket`",
    "AccessDenied": "the keys may not do that, or there is no such bucket: see `backup.s3` in docs/backups.md",
    "InvalidAccessKeyId": "the service does not know `access_key_id`",
    "SignatureDoesNotMatch": "`secret_access_key` is not the one of `access_key_id`",
    "NoSuchUpload": "somebody has ended the upload: look at the bucket's lifecycle rules",
}


@dataclass(frozen=True, slots=True)
class Store:
    """One bucket, while a connection to it is open."""

    place: Bucket
    client: Any

    async def listed(self, target: str) -> tuple[Backup, ...]:
        """The whole ones of a target, the newest first. Raises BackupError."""
        sizes: dict[str, int] = {}
        verified: dict[str, float] = {}
        async for one in self._objects(self.place.prefix + target + "-"):
            name, _, _ = one["Key"].removeprefix(self.place.prefix).partition("/")
            if name.endswith(VERIFIED):
                verified[name.removesuffix(VERIFIED)] = one["LastModified"].timestamp()
            elif parse_name(target, name) is not None:
                sizes[name] = sizes.get(name, 0) + one["Size"]
        found = [
            replace(backup, size=size, verified_at=verified.get(name, 0.0))
            for name, size in sizes.items()
            if (backup := parse_name(target, name)) is not None
        ]
        return tuple(sorted(found, key=lambda one: one.at, reverse=True))

    def upload(self, name: str) -> Upload:
        """One that is not begun yet."""
        place = self.place
        return Upload(self.client, place.bucket, place.prefix + name, place.part_size)

    async def put(self, path: Path, begun: Upload | None = None) -> None:
        """A backup with what lies beside it; itself last. Raises BackupError."""
        for ending in BESIDE:
            if (beside := path.with_name(path.name + ending)).exists():
                await self._send(beside, self.upload(beside.name))
        for one in files.members(path):
            name = path.name if one == path else f"{path.name}/{one.relative_to(path)}"
            await self._send(one, begun if begun is not None and one == path else self.upload(name))

    async def put_beside(self, path: Path) -> None:
        """One of the small files about a backup. Raises BackupError."""
        await self._send(path, self.upload(path.name))

    async def remove_beside(self, name: str) -> None:
        """One of those, if it is there. Raises BackupError."""
        await self._delete(self.place.prefix + name)

    async def fetch(self, name: str, into: Path) -> None:
        """A backup to its place in a directory, checked before it has its name. Raises BackupError."""
        place, partial = into / name, into / f"{name}{PARTIAL}"
        try:
            for ending in BESIDE:
                with suppress(_Missing):
                    await self._get(f"{name}{ending}", into / f"{name}{ending}")
            await self._get_members(name, partial)
            await asyncio.to_thread(files.check_sum, partial, name)
            if not place.exists():
                await asyncio.to_thread(files.put_in_place, partial, place)
        finally:
            files.remove(partial)

    async def remove(self, name: str) -> None:
        """It, and then what lies beside it. Raises BackupError."""
        keys = [one["Key"] async for one in self._objects(self.place.prefix + name)]
        for key in sorted(keys, key=lambda key: key.endswith(BESIDE)):
            await self._delete(key)

    async def _delete(self, key: str) -> None:
        await self._asked(self.client.delete_object(Bucket=self.place.bucket, Key=key))

    async def _send(self, path: Path, upload: Upload) -> None:
        try:
            await self._asked(upload.finish(path))
        except BackupError:
            with suppress(BackupError):
                await self._asked(upload.abort())
            raise

    async def _get_members(self, name: str, partial: Path) -> None:
        prefix = f"{self.place.prefix}{name}/"
        inside = [one["Key"] async for one in self._objects(prefix)]
        for key in inside:
            path = partial / key.removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            await self._get(key.removeprefix(self.place.prefix), path)
        if not inside:
            await self._get(name, partial)

    async def _get(self, name: str, path: Path) -> None:
        async def read() -> None:
            answer = await self.client.get_object(
                Bucket=self.place.bucket, Key=self.place.prefix + name
            )
            files.make_private(path)
            with path.open("wb") as file:
                async for chunk in answer["Body"].iter_chunks(CHUNK):
                    await asyncio.to_thread(file.write, chunk)

        await self._asked(read())

    async def _objects(self, prefix: str) -> AsyncIterator[dict[str, Any]]:
        token: str | None = None
        while True:
            more = {} if token is None else {"ContinuationToken": token}
            page = await self._asked(
                self.client.list_objects_v2(Bucket=self.place.bucket, Prefix=prefix, **more)
            )
            for one in page.get("Contents", ()):
                yield one
            token = page.get("NextContinuationToken")
            if token is None:
                return

    async def _asked(self, ask: Awaitable[T]) -> T:
        """Whatever the service or the network says becomes words with a cure."""
        errors = library("botocore.exceptions")
        try:
            return await ask
        except errors.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            said = CURES.get(code) or printable(redact(str(error)))[:300]
            kind = _Missing if code in {"NoSuchKey", "404"} else BackupError
            raise kind(f"{self.place.named}: {said}") from error
        except (errors.BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
            said = printable(redact(str(error)))[:300] or type(error).__name__
            raise BackupError(f"{self.place.named} cannot be reached: {said}") from error


class _Missing(BackupError):
    """There is no such object."""


@cache
def _loader() -> Any:
    """The descriptions of the service, which take a tenth of a second to read."""
    return library("botocore.loaders").create_loader()


@asynccontextmanager
async def opened(place: Bucket) -> AsyncIterator[Store]:
    """A connection to it. Nothing is asked yet. Raises BackupError."""
    session, config = library("aiobotocore.session").get_session(), library("aiobotocore.config")
    # a session of its own each time, so that keys which are changed on the machine are seen
    session.register_component("data_loader", _loader())
    secret = place.secret_access_key
    async with session.create_client(
        "s3",
        endpoint_url=place.endpoint_url,
        region_name=place.region or "us-east-1",
        aws_access_key_id=place.access_key_id,
        aws_secret_access_key=None if secret is None else secret.get_secret_value(),
        config=config.AioConfig(
            retries={"mode": "standard", "max_attempts": ATTEMPTS},
            connect_timeout=min(10.0, place.timeout),
            read_timeout=place.timeout,
            # sums of parts are sent as MD5, which every service checks
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"} if place.endpoint_url else None,
        ),
    ) as client:
        yield Store(place, client)
