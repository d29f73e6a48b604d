"""One object of a bucket, part by part, while the file is still being written.

pg_dump comes back to the head of its file at the end, so that what was sent meanwhile is believed only when its sum is
that of the finished file; what is not is sent again. Nobody sees any of it before all of it is there.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from receiver.backups.base import BackupError

MOST_PARTS = 10_000  # of S3
AT_ONCE = 3
LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Sent:
    """One part: the sum of what was sent, and what the service calls it."""

    md5: bytes
    etag: str


@dataclass
class Upload:
    """Begun with the first part; `client` is botocore's."""

    client: Any
    bucket: str
    key: str
    part_size: int
    _id: str | None = None
    _parts: dict[int, Sent] = field(default_factory=dict)
    early: int = 0  # parts that were sent while the file was still written

    async def follow(self, path: Path) -> None:
        """Sends what is full of the file, for ever; not its head, which is written last."""
        while True:
            await asyncio.sleep(LOOK)
            full = await asyncio.to_thread(_size, path) // self.part_size
            for number in range(2, full + 1):
                if number not in self._parts:
                    await self._send(path, number)
                    self.early += 1

    async def finish(self, path: Path) -> None:
        """Sends the rest, and makes it one object. Raises what botocore raises."""
        size = await asyncio.to_thread(_size, path)
        if size <= self.part_size and self._id is None:
            await self._put(path, size)
            return
        count = max(1, -(-size // self.part_size))
        if count > MOST_PARTS:
            raise BackupError(f"{size:,} bytes are more than {MOST_PARTS:,} parts: raise part_size")
        gate = asyncio.Semaphore(AT_ONCE)

        async def sent(number: int) -> None:
            async with gate:
                data = await asyncio.to_thread(_read, path, number, self.part_size)
                known = self._parts.get(number)
                if known is None or known.md5 != _md5(data):
                    await self._send(path, number, data)

        await asyncio.gather(*(sent(number) for number in range(1, count + 1)))
        await self._complete(count, size)

    async def abort(self) -> None:
        """What was sent is thrown away by the service."""
        if self._id is not None:
            await self.client.abort_multipart_upload(
                Bucket=self.bucket, Key=self.key, UploadId=self._id
            )
            self._id = None

    async def _put(self, path: Path, size: int) -> None:
        data = await asyncio.to_thread(path.read_bytes)
        await self.client.put_object(
            Bucket=self.bucket, Key=self.key, Body=data, ContentMD5=_encoded(_md5(data))
        )
        await self._check(size)

    async def _send(self, path: Path, number: int, data: bytes | None = None) -> None:
        if self._id is None:
            begun = await self.client.create_multipart_upload(Bucket=self.bucket, Key=self.key)
            self._id = begun["UploadId"]
        if data is None:
            data = await asyncio.to_thread(_read, path, number, self.part_size)
        md5 = _md5(data)
        answer: Mapping[str, Any] = await self.client.upload_part(
            Bucket=self.bucket, Key=self.key, UploadId=self._id, PartNumber=number, Body=data,
            ContentMD5=_encoded(md5),
        )  # fmt: skip
        self._parts[number] = Sent(md5, answer["ETag"])

    async def _complete(self, count: int, size: int) -> None:
        parts = [
            {"PartNumber": number, "ETag": self._parts[number].etag}
            for number in range(1, count + 1)
        ]
        await self.client.complete_multipart_upload(
            Bucket=self.bucket, Key=self.key, UploadId=self._id, MultipartUpload={"Parts": parts}
        )
        self._id = None
        await self._check(size)

    async def _check(self, size: int) -> None:
        there = await self.client.head_object(Bucket=self.bucket, Key=self.key)
        if there["ContentLength"] != size:
            raise BackupError(
                f"{self.key} has {there['ContentLength']:,} bytes in {self.bucket} instead of {size:,}"
            )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path, number: int, part_size: int) -> bytes:
    with path.open("rb") as file:
        file.seek((number - 1) * part_size)
        return file.read(part_size)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
