"""An S3-compatible service of our own: `with s3_server() as server`, which is moto's from PyPI, in a process of its own."""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receiver.backups.optional import library
from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, start

KEY, SECRET = "AKIAc4nary", "c4nary5b2e/secret"


@dataclass(frozen=True, slots=True)
class S3Server:
    url: str
    process: ServerProcess

    def bucket(self, name: str, **keys: Any) -> dict[str, Any]:
        """The config of one."""
        own = {"bucket": name, "endpoint_url": self.url, "access_key_id": KEY}
        return {**own, "secret_access_key": SECRET, "part_size": "5MiB", "timeout": "5s", **keys}

    async def make(self) -> str:
        """A new bucket; its name."""
        name = f"b{secrets.token_hex(6)}"
        async with self._client() as client:
            await client.create_bucket(Bucket=name)
        return name

    async def keys(self, name: str) -> list[str]:
        """All objects in it."""
        async with self._client() as client:
            page = await client.list_objects_v2(Bucket=name)
        return sorted(one["Key"] for one in page.get("Contents", ()))

    async def unfinished(self, name: str) -> int:
        """Uploads that were begun and neither ended nor given up."""
        async with self._client() as client:
            return len((await client.list_multipart_uploads(Bucket=name)).get("Uploads", ()))

    async def spoil(self, name: str, key: str) -> None:
        """Cuts its last byte off."""
        async with self._client() as client:
            body = await (await client.get_object(Bucket=name, Key=key))["Body"].read()
            await client.put_object(Bucket=name, Key=key, Body=body[:-1])

    def _client(self) -> Any:
        return library("aiobotocore.session").get_session().create_client(
            "s3", endpoint_url=self.url, region_name="us-east-1",
            aws_access_key_id=KEY, aws_secret_access_key=SECRET,
        )  # fmt: skip


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """One for many tests, each with buckets of its own."""
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="s3-"))
    argv = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = start("s3", argv, folder)
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 60.0
    try:
        while not _answers(f"{url}/moto-api/"):
            assert process.running, process.tail()
            assert time.monotonic() < end, process.tail()
            time.sleep(0.05)
        yield S3Server(url, process)
    finally:
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2.0):  # noqa: S310 - our own server on loopback
            return True
    except OSError:
        return False
