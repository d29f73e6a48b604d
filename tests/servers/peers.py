"""The exporters that ours is held against, each on a free port: `async with redis_exporter(url, folder) as read:`."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.process import answers, running, start


def binary(name: str) -> str:
    """Debian's name of the program, which is also its package's."""
    found = shutil.which(name)
    assert found, f"there is no {name}: apt-get install {name}"
    return found


@asynccontextmanager
async def peer(
    name: str, folder: Path, *options: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """The address of its page, once it answers. `{address}` in the options is where it shall listen."""
    address = f"127.0.0.1:{free_port()}"
    argv = [binary(name), *(option.replace("{address}", address) for option in options)]
    url = f"http://{address}/metrics"
    async with running(start(name, argv, folder, env=env), lambda: answers(url)):
        yield url


@asynccontextmanager
async def redis_exporter(redis_url: str, folder: Path, *options: str) -> AsyncIterator[str]:
    listen = ("-redis.addr", redis_url, "-web.listen-address", "{address}")
    async with peer("prometheus-redis-exporter", folder, *listen, *options) as url:
        yield url


@asynccontextmanager
async def postgres_exporter(postgres_url: str, folder: Path) -> AsyncIterator[str]:
    env = {"DATA_SOURCE_NAME": f"{postgres_url}?sslmode=disable"}
    listen = "--web.listen-address={address}"
    async with peer("prometheus-postgres-exporter", folder, listen, env=env) as url:
        yield url


@asynccontextmanager
async def blackbox_exporter(config: Path, folder: Path) -> AsyncIterator[str]:
    options = (f"--config.file={config}", "--web.listen-address={address}")
    async with peer("prometheus-blackbox-exporter", folder, *options) as url:
        yield url
