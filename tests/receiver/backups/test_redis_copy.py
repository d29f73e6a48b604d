from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.backups.redis_copy import check_redis
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import facet_of, names_in
from tests.receiver.stand_ins import a_toolbox
from tests.receiver.stores.test_redis_servers import certificate
from tests.servers.ports import free_port
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


RDB = b"REDIS0011" + b"x" * 500 + b"\xff" + b"s" * 8


@asynccontextmanager
async def a_server_that(answers: bytes, heard: list[bytes] | None = None) -> AsyncIterator[int]:
    """Says that to whatever it is asked, and hangs up; its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(1000)
        if heard is not None:
            heard.append(asked)
        writer.write(answers)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def copied(port: int, folder: Path, login: str = "") -> str:
    ground = a_ground(folder, f"redis://{login}127.0.0.1:{port}/0")
    return (await back_up(ground, Kind.REDIS)).name


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%s" % (len(data), data)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (b"", "closed the connection before it sent anything"),
        (b"\n\n\n", "closed the connection before it sent anything"),
        (b"-NOPERM no right to run 'sync'\r\n", r"NOPERM .*: the user needs \+sync and \+psync"),
        (b"-LOADING Redis is loading the dataset\r\n", "LOADING"),
        (b"$EOF:0123456789\r\n", "does not give a copy"),
        (b"$-1\r\n", "does not give a copy"),
        (b"\xff\x00\x01", "does not give a copy"),
        (bulk(RDB)[:-9], "broke off: .*bytes read"),
        (bulk(RDB[:-9]), "is no whole RDB file"),
        (bulk(b"HTTP/1.1 " + RDB), "is no whole RDB file"),
        (bulk(b"REDIS"), "is no whole RDB file"),
    ],
)
async def test_what_is_no_whole_copy_leaves_nothing(
    tmp_path: Path, answers: bytes, why: str
) -> None:
    async with a_server_that(answers) as port:
        with pytest.raises(BackupError, match=why):
            await copied(port, tmp_path)
    assert names_in(tmp_path) == []


async def test_signs_of_life_before_it_are_none_of_the_copy(tmp_path: Path) -> None:
    async with a_server_that(b"\n\r\n\n" + bulk(RDB) + b"*1\r\n$4\r\nPING\r\n") as port:
        name = await copied(port, tmp_path)
    assert (tmp_path / name).read_bytes() == RDB


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("", b"SYNC\r\n"),
        (":x%20y@", b"*2\r\n$4\r\nAUTH\r\n$3\r\nx y\r\n"),
        ("us%C3%A9r:p@", "*3\r\n$4\r\nAUTH\r\n$5\r\nusér\r\n$1\r\np\r\n".encode()),
    ],
)
async def test_the_login_is_said_first_as_it_stands_in_the_address(
    tmp_path: Path, login: str, said: bytes
) -> None:
    heard: list[bytes] = []
    async with a_server_that(b"+OK\r\n" * bool(login) + bulk(RDB), heard) as port:
        await copied(port, tmp_path, login)
    assert heard == [said]


async def test_it_is_reached_by_its_socket(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    store = tmp_path / "store"
    store.mkdir()
    async with redis_server("--requirepass", PASSWORD, "--unixsocket", str(socket)) as server:
        await filled(server.port, 3)
        made = await back_up(a_ground(store, f"unix://:{PASSWORD}@{socket}?db=0"), Kind.REDIS)
    assert made.manifest.others["bytes"] == made.size
    assert b"key:2" in (store / made.name).read_bytes()


async def test_over_tls_it_believes_whom_the_address_says_and_nobody_else(tmp_path: Path) -> None:
    key, made = certificate(tmp_path)
    store, port = tmp_path / "store", free_port()
    store.mkdir()
    files = ("--tls-cert-file", str(made), "--tls-key-file", str(key), "--tls-ca-cert-file", str(made))  # fmt: skip
    async with redis_server("--tls-port", str(port), "--tls-auth-clients", "no", *files):
        with pytest.raises(BackupError, match="certificate verify failed"):
            await back_up(a_ground(store, f"rediss://localhost:{port}/0"), Kind.REDIS)
        known = f"rediss://localhost:{port}/0?ssl_ca_certs={made}"
        copy = await back_up(a_ground(store, known), Kind.REDIS)
    assert names_in(store)[0] == copy.name


@pytest.mark.parametrize("cut", [0, 1, 8, 9, 17, len(RDB) - 10, len(RDB) - 1])
def test_one_that_is_cut_off_anywhere_is_no_copy(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "x.rdb"
    file.write_bytes(RDB)
    assert check_redis(file) == len(RDB)
    file.write_bytes(RDB[:cut])
    with pytest.raises(Disproved, match=r"x\.rdb is no whole RDB file"):
        check_redis(file)
