"""What the Redis facet does when the server does not: every case on a real server, and bounded in time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from receiver.stores.base import StoreError
from receiver.stores.redis_errors import explained
from receiver.stores.redis_keys import BATCH, Sweep, Swept, sweep
from receiver.stores.redis_store import connected
from tests.receiver.stores.keyspace import Keyspace, Watcher, administered, facet, keyspace
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.redis import redis_server

pytestmark = pytest.mark.server


@pytest.fixture
async def space() -> AsyncIterator[Keyspace]:
    async with keyspace() as made:
        yield made


async def failure(url: str, *patterns: str, watcher: Watcher | None = None) -> StoreError:
    """What the sweep says, which must not take long."""
    wish = Sweep(facet(url, *patterns), patterns or ("cache:*",), 1_000_000)
    with pytest.raises(StoreError) as caught:
        async with asyncio.timeout(10):
            await sweep(wish, (watcher or Watcher()).tools)
    assert "s3cret" not in repr(caught.value)
    return caught.value


async def test_a_server_that_is_down_was_not_touched() -> None:
    error = await failure(f"redis://u:s3cret@127.0.0.1:{free_port()}/0")
    assert "Connect call failed" in str(error)
    assert (error.started, error.unknown) == (False, False)


async def test_a_socket_that_is_not_there_was_not_touched(tmp_path: Path) -> None:
    error = await failure(f"unix://{tmp_path}/nowhere.sock?password=s3cret")
    assert not error.started


async def test_a_server_that_hangs_is_given_up_in_time(space: Keyspace) -> None:
    space.server.hang()
    began = time.monotonic()
    error = await failure(space.server.url)
    assert (str(error), error.started) == ("no answer in time", False)
    assert time.monotonic() - began < 5


async def test_a_server_that_hangs_half_way_leaves_the_end_unknown(space: Keyspace) -> None:
    await space.fill(4 * BATCH)
    watcher = Watcher(at_lease=lambda number: space.server.hang() if number == 3 else None)
    error = await failure(space.server.url, watcher=watcher)
    assert (error.started, error.unknown) == (True, True)
    said = re.fullmatch(r"no answer in time; (\d+) of .* keys were deleted before that", str(error))
    assert said is not None
    left = 4 * BATCH - int(said[1])
    space.server.wake()
    await until(lambda: _fewer(space, left), "what was asked for last is done all the same")


async def _fewer(space: Keyspace, than: int) -> bool:
    return int(await space.admin.dbsize()) < than


async def test_a_server_that_dies_half_way_leaves_the_end_unknown(space: Keyspace) -> None:
    await space.fill(4 * BATCH)
    watcher = Watcher(at_lease=lambda number: space.server.kill() if number == 2 else None)
    error = await failure(space.server.url, watcher=watcher)
    assert (error.started, error.unknown) == (True, True)


async def test_a_slow_server_is_waited_for(space: Keyspace) -> None:
    await space.fill(300)
    await space.ask("CLIENT", "PAUSE", 400, "ALL")
    wish = Sweep(facet(space.server.url), ("cache:*",), 1000)
    assert await sweep(wish, Watcher().tools) == Swept(300, 300)


async def test_a_server_that_is_too_slow_is_given_up(space: Keyspace) -> None:
    await space.fill(300)
    await space.ask("CLIENT", "PAUSE", 3000, "ALL")
    error = await failure(space.server.url)
    assert (str(error), error.started) == ("no answer in time", False)


async def test_writes_that_wait_too_long_are_unknown(space: Keyspace) -> None:
    await space.fill(300)
    await space.ask("CLIENT", "PAUSE", 3000, "WRITE")
    error = await failure(space.server.url)
    assert (error.started, error.unknown) == (True, True)


@pytest.mark.parametrize("rules", [(), ("+scan",), ("+unlink", "~cache:*"), ("+scan", "+unlink")])
async def test_without_permission_it_says_which_is_needed(
    space: Keyspace, rules: tuple[str, ...]
) -> None:
    await space.fill(10)
    error = await failure(await space.user(*rules))
    assert "it needs `ACL SETUSER … +scan +unlink ~PREFIX*`" in str(error)
    assert (error.started, await space.admin.dbsize()) == (False, 10)


async def test_the_least_permission_is_enough(space: Keyspace) -> None:
    await space.fill(1000)
    await space.put("other:1")
    url = await space.user("resetkeys", "~cache:*", "resetchannels", "-@all", "+scan", "+unlink")
    await sweep(Sweep(facet(url), ("cache:*",), 10_000), Watcher().tools)
    assert await space.keys() == {b"other:1"}
    assert await space.ask("ACL", "LOG") == []


async def test_a_narrow_user_guards_what_the_config_does_not(space: Keyspace) -> None:
    await space.put("cache:1", "other:1")
    error = await failure(await space.user("+scan", "+unlink", "~cache:*"), "other:*")
    assert not error.started
    assert await space.keys() == {b"cache:1", b"other:1"}


async def test_another_database_needs_select_and_says_so(space: Keyspace) -> None:
    url = await space.user("+scan", "+unlink", "~cache:*")
    assert "+select unless the database is 0" in str(await failure(url.replace("/0", "/2")))


async def test_a_wrong_password_is_said_without_it(space: Keyspace) -> None:
    url = await space.user("+@all", "~*")
    error = await failure(url.replace("s3cret", "s3cret2"))
    assert str(error) == "the name or the password in redis.url is wrong"
    assert not error.started


async def test_a_missing_password_is_said() -> None:
    async with redis_server("--requirepass", "s3cret") as server:
        error = await failure(server.url)
    assert str(error) == "it wants a password: write it into redis.url"


async def test_a_database_that_is_not_there_is_said(space: Keyspace) -> None:
    assert "DB index is out of range" in str(await failure(space.server.url.replace("/0", "/99")))


async def test_a_replica_is_refused_before_it_refuses(space: Keyspace) -> None:
    async with keyspace("--replicaof", f"127.0.0.1 {space.server.port}") as replica:
        error = await failure(replica.server.url)
    assert str(error) == "it is a read-only replica: name its primary in redis.url"
    assert not error.started


async def test_a_primary_that_becomes_a_replica_half_way_is_left(space: Keyspace) -> None:
    await space.fill(4 * BATCH)

    async def demoted(_: str) -> None:
        await space.ask("REPLICAOF", "127.0.0.1", free_port())

    tools = replace(Watcher().tools, progress=demoted)
    with pytest.raises(StoreError, match="read-only replica: name its primary") as caught:
        await sweep(Sweep(facet(space.server.url), ("cache:*",), 10_000), tools)
    assert not caught.value.unknown
    assert not caught.value.started


async def test_a_sentinel_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "sentinel.conf"
    file.write_text("sentinel monitor m 127.0.0.1 1 1\n")
    async with redis_server(first=(str(file), "--sentinel"), ready="Sentinel ID is") as server:
        error = await failure(server.url)
    assert str(error) == "it is a Sentinel: name the primary in redis.url, or a proxy before it"


async def test_a_server_from_before_hello_is_taken_for_a_single_one() -> None:
    async with (
        redis_server("--rename-command", "HELLO", "") as server,
        administered(server) as space,
    ):
        await space.put("cache:1")
        await sweep(Sweep(facet(server.url), ("cache:*",), 10), Watcher().tools)
        assert await space.keys() == set()


async def test_no_error_names_a_key() -> None:
    async with (
        redis_server("--rename-command", "UNLINK", "") as server,
        administered(server) as space,
    ):
        await space.put("cache:c4nary")
        error = await failure(server.url)
    assert str(error) == "unknown command 'UNLINK'"


async def test_it_works_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    async with redis_server("--unixsocket", str(path)) as server, administered(server) as space:
        await space.put("cache:1", "other")
        wish = Sweep(facet(f"unix://{path}?db=0"), ("cache:*",), 10)
        assert await sweep(wish, Watcher().tools) == Swept(1, 1)
        assert await space.keys() == {b"other"}


Answer = Callable[[bytes], bytes]


@asynccontextmanager
async def proxy(answer: Answer) -> AsyncIterator[str]:
    """A server that speaks as much of the protocol as `answer` knows."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(4096):
            writer.write(answer(asked))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def test_a_proxy_that_ignores_match_is_not_believed() -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        if b"HELLO" in request:
            return b"-ERR unknown command 'HELLO'\r\n"
        return b"*2\r\n$1\r\n0\r\n*2\r\n$7\r\ncache:1\r\n$7\r\nother:1\r\n"

    async with proxy(answer) as url:
        error = await failure(url)
    assert (str(error), error.started) == ("it does not keep to SCAN's MATCH", False)
    assert not any(b"UNLINK" in request for request in asked)


async def test_what_is_no_redis_is_said_in_few_words() -> None:
    async with proxy(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50) as url:
        error = await failure(url)
    assert len(str(error)) <= 200
    assert not error.started


async def test_a_request_that_is_cancelled_ends_whenever_that_is(space: Keyspace) -> None:
    async def ask_for_ever() -> None:
        async with connected(facet(space.server.url)) as client:
            while True:
                await client.ping()

    for delay in range(60):
        asking = asyncio.create_task(ask_for_ever())
        await asyncio.sleep(delay / 3000)
        asking.cancel()
        done, _ = await asyncio.wait([asking], timeout=2)
        assert done
        assert asking.cancelled()


def test_what_nobody_asked_to_change_is_never_unknown() -> None:
    with pytest.raises(StoreError) as caught, explained("", started=False):
        raise ConnectionResetError("Connection reset by peer")
    assert (caught.value.started, caught.value.unknown) == (False, False)
