"""One object, part by part: what was sent too early is sent again, what arrives broken is no success."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.backups.base import BackupError
from receiver.backups.uploads import MOST_PARTS, Sent, Upload

PART = 1000  # of the stand-in, which takes parts of any size


@dataclass
class StandInBucket:
    """Keeps what it is sent as S3 does; `loses` are bytes that it loses of every object."""

    loses: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[int, bytes] = field(default_factory=dict)
    begun: int = 0
    given_up: int = 0
    sent: list[int] = field(default_factory=list)

    async def put_object(self, **said: Any) -> None:
        self.objects[said["Key"]] = _checked(said)

    async def create_multipart_upload(self, **_: Any) -> dict[str, str]:
        self.begun += 1
        return {"UploadId": "u"}

    async def upload_part(self, **said: Any) -> dict[str, str]:
        self.sent.append(said["PartNumber"])
        self.parts[said["PartNumber"]] = _checked(said)
        return {"ETag": f"e{len(self.sent)}"}

    async def complete_multipart_upload(self, **said: Any) -> None:
        numbers = [part["PartNumber"] for part in said["MultipartUpload"]["Parts"]]
        assert numbers == list(range(1, len(numbers) + 1))
        self.objects[said["Key"]] = b"".join(self.parts[number] for number in numbers)

    async def abort_multipart_upload(self, **_: Any) -> None:
        self.given_up += 1

    async def head_object(self, **said: Any) -> dict[str, int]:
        return {"ContentLength": len(self.objects[said["Key"]]) - self.loses}


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _checked(said: dict[str, Any]) -> bytes:
    body: bytes = said["Body"]
    assert base64.b64decode(said["ContentMD5"]) == _md5(body)
    return body


def an_upload(bucket: StandInBucket, early: Mapping[int, bytes] | None = None) -> Upload:
    """With what was sent of it while the file was still written."""
    bucket.parts.update(early or {})
    sent = {number: Sent(_md5(data), f"early-{number}") for number, data in (early or {}).items()}
    return Upload(bucket, "b", "key", PART, _id="u" if sent else None, _parts=sent)


def a_file(folder: Path, data: bytes) -> Path:
    path = folder / "dump"
    path.write_bytes(data)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 4 * PART + 1), st.sets(st.integers(2, 4)))
async def test_whatever_its_size_and_whatever_was_sent_before_it_arrives_whole(
    tmp_path: Path, size: int, early: set[int]
) -> None:
    data = bytes(number % 251 for number in range(size))
    bucket, path = StandInBucket(), a_file(tmp_path, data)
    await an_upload(bucket, dict.fromkeys(early, b"too early")).finish(path)
    assert bucket.objects["key"] == data


async def test_a_small_one_is_sent_at_once_and_needs_no_parts(tmp_path: Path) -> None:
    bucket = StandInBucket()
    await an_upload(bucket).finish(a_file(tmp_path, b"x" * PART))
    assert (bucket.begun, bucket.objects) == (0, {"key": b"x" * PART})


async def test_a_part_that_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    bucket, path = StandInBucket(), a_file(tmp_path, b"A" * PART + b"b" * PART + b"C" * PART)
    await an_upload(bucket, {2: b"b" * PART, 3: b"c" * PART}).finish(path)
    assert sorted(bucket.sent) == [1, 3]
    assert bucket.objects["key"] == path.read_bytes()


@pytest.mark.parametrize("size", [10, 3 * PART])
async def test_one_that_does_not_arrive_whole_is_no_success(tmp_path: Path, size: int) -> None:
    bucket = StandInBucket(loses=1)
    said = f"key has {size - 1:,} bytes in b instead of {size:,}"
    with pytest.raises(BackupError, match=said):
        await an_upload(bucket).finish(a_file(tmp_path, b"x" * size))


async def test_what_has_too_many_parts_says_what_to_raise(tmp_path: Path) -> None:
    path = a_file(tmp_path, b"")
    with path.open("wb") as file:
        file.truncate(PART * MOST_PARTS + 1)
    bucket = StandInBucket()
    with pytest.raises(BackupError, match="10,000,001 bytes are more than 10,000 parts"):
        await an_upload(bucket).finish(path)
    assert bucket.sent == []


async def test_what_was_begun_is_given_up_once_and_what_was_not_never() -> None:
    bucket = StandInBucket()
    await an_upload(bucket).abort()
    assert bucket.given_up == 0
    upload = an_upload(bucket, {2: b"x"})
    for _ in range(2):
        await upload.abort()
    assert bucket.given_up == 1


async def test_what_is_whole_is_not_given_up_any_more(tmp_path: Path) -> None:
    bucket = StandInBucket()
    upload = an_upload(bucket)
    await upload.finish(a_file(tmp_path, b"x" * 3 * PART))
    await upload.abort()
    assert bucket.given_up == 0
