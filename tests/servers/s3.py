"""An S3-compatible service of our own, in a process of its own: `with s3_server() as server`, or `seaweed_server()`.

Both come from PyPI.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from receiver.backups.optional import library
from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, start

KEY, SECRET = "AKIAc4nary", "c4nary5b2e/secret"
SEAWEED_PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"),
)
OWNER = "AKIAowner"  # makes buckets; whoever keeps backups need not be able to
RIGHTS = {OWNER: ["Admin"], KEY: ["Read", "Write", "List"]}


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
        return _session().create_client(
            "s3", endpoint_url=self.url, region_name="us-east-1",
            aws_access_key_id=OWNER, aws_secret_access_key=SECRET,
        )  # fmt: skip


@cache
def _session() -> Any:
    """Reading what the service is like takes a tenth of a second each."""
    return library("aiobotocore.session").get_session()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """moto's, which is there at once; one for many tests, each with buckets of its own."""
    port = free_port()
    argv = ["-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(port, "moto-api/", lambda _: [sys.executable, *argv]) as server:
        yield server


@contextmanager
def seaweed_server() -> Iterator[S3Server]:
    """SeaweedFS: written by others, in another language, with keys that are checked."""
    ports = {name: free_port() for name in SEAWEED_PORTS}

    def argv(folder: Path) -> list[str]:
        who = [
            {
                "name": key,
                "actions": rights,
                "credentials": [{"accessKey": key, "secretKey": SECRET}],
            }
            for key, rights in RIGHTS.items()
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": who}))
        return [
            *(str(Path(sys.executable).with_name("weed")), "server", "-s3", f"-dir={folder}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
            *("-volume.max=500", "-master.volumeSizeLimitMB=64", "-s3.port.iceberg=0"),
            "-s3.port.lance=0",
            *(f"-s3.config={folder / 's3.json'}", f"-filer.localSocket={folder / 'filer.sock'}"),
            *(f"-{name}={port}" for name, port in ports.items()),
        ]

    try:
        with _running(ports["s3.port"], "status", argv) as server:
            yield server
    finally:
        for port in ports.values():  # no option says where else they might be
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - its own place
                left.unlink()


@contextmanager
def _running(port: int, ready: str, argv: Callable[[Path], list[str]]) -> Iterator[S3Server]:
    folder, url = Path(tempfile.mkdtemp(prefix="s3-")), f"http://127.0.0.1:{port}"
    process = start("s3", argv(folder), folder)
    end = time.monotonic() + 60.0
    try:
        while not _answers(f"{url}/{ready}"):
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
