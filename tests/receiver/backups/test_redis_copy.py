from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import redis.asyncio

from receiver.backups.base import BackupError, Ground
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import facet_of, names_in
from tests.receiver.stand_ins import a_toolbox
from tests.servers.redis import redis_server

pytestmark = pytest.mark.server
PASSWORD = "c4nary5b2e"


def a_ground(directory: Path, url: str) -> Ground:
    return Ground("cache", facet_of(directory, redis=url), None, a_toolbox(), 30.0)


async def filled(port: int, keys: int) -> None:
    client = redis.asyncio.Redis(port=port, password=PASSWORD)
    for number in range(keys):
        await client.set(f"key:{number}", "v" * 1000)
    await client.aclose()


async def test_another_redis_starts_from_the_copy(tmp_path: Path) -> None:
    async with redis_server("--requirepass", PASSWORD) as server:
        await filled(server.port, 500)
        ground = a_ground(tmp_path, f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0")
        made = await back_up(ground, Kind.REDIS)
    assert (await prove(ground, made.name)).text.endswith("bytes, whole")
    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(tmp_path / made.name, again / "dump.rdb")
    async with redis_server("--dir", str(again), "--dbfilename", "dump.rdb") as server:
        client = redis.asyncio.Redis(port=server.port)
        assert await client.dbsize() == 500
        await client.aclose()


async def test_a_wrong_password_is_said_and_not_shown(tmp_path: Path) -> None:
    async with redis_server("--requirepass", "another") as server:
        ground = a_ground(tmp_path, f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0")
        with pytest.raises(BackupError, match="refuses the login") as caught:
            await back_up(ground, Kind.REDIS)
    assert PASSWORD not in str(caught.value)


async def test_a_server_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="broke off"):
        await back_up(a_ground(tmp_path, "redis://127.0.0.1:1/0"), Kind.REDIS)
    assert names_in(tmp_path) == []
