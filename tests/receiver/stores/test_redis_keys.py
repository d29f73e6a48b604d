from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import redis.asyncio

from receiver.stores.base import StoreError
from receiver.stores.redis_keys import BATCH, Sweep, Swept, flush_database, sweep
from receiver.tools import CalledOff
from tests.receiver.stores.keyspace import Keyspace, LeaseLost, Watcher, facet, keyspace
from tests.servers.process import until

pytestmark = pytest.mark.server
BESIDE = (
    b"cach",
    b"cache",
    b"Cache:1",
    b"xcache:1",
    b"cach\xc3\xa9:1",
    b"session:1",
    b"\xff\x00\n",
)


@pytest.fixture
async def space() -> AsyncIterator[Keyspace]:
    async with keyspace() as made:
        yield made


async def swept(
    space: Keyspace, *patterns: str, max_keys: int = 1_000_000, dry_run: bool = False
) -> Swept:
    wish = Sweep(facet(space.server.url), patterns or ("cache:*",), max_keys, dry_run)
    return await sweep(wish, Watcher().tools)


async def fill_with_everything(space: Keyspace) -> None:
    """Values of every type beside the cache, in its database and in others."""
    await space.put(*BESIDE)
    await space.admin.hset("h:1", mapping={"f": "v"})
    await space.admin.rpush("l:1", *"abc")
    await space.admin.zadd("z:1", {"m": 1.5})
    await space.admin.sadd("s:1", "m")
    await space.admin.xadd("x:1", {"f": "v"}, id="1-1")
    await space.admin.set("t:1", "v", ex=3600)
    other = redis.asyncio.Redis.from_url(space.server.url.replace("/0", "/5"))
    await other.set("cache:1", "of another database")
    await other.aclose()
    await space.fill(20_000, "session")


@pytest.mark.timeout(240)  # 5,000 requests, on a machine that has others to serve, too
async def test_of_many_keys_exactly_those_of_the_cache_vanish(space: Keyspace) -> None:
    await fill_with_everything(space)
    before = await space.digest()
    await space.fill(100_000)
    assert await space.digest() != before
    assert await swept(space) == Swept(100_000, 100_000)
    assert await space.digest() == before
    assert await space.admin.dbsize() == 20_000 + len(BESIDE) - 1 + 6  # session:1 is among the many


async def test_it_is_done_in_small_batches_and_never_with_keys_or_del(space: Keyspace) -> None:
    await space.fill(10 * BATCH)
    await swept(space)
    assert await space.calls("unlink") >= 10
    assert await space.calls("scan") >= 10
    assert [await space.calls(word) for word in ("keys", "del", "flushdb", "flushall")] == [0] * 4


async def test_a_second_time_there_is_nothing_left_to_do(space: Keyspace) -> None:
    await space.fill(1000)
    assert await swept(space) == Swept(1000, 1000)
    assert await swept(space) == Swept(0, 0)


async def test_keys_that_are_not_text_go_and_stay_by_their_prefix(space: Keyspace) -> None:
    odd = {b"cache:\xff\xfe", b"cache:\x00", b"cache:\n*", b"cache:" + bytes(range(256))}
    await space.put(*odd, *BESIDE)
    assert await swept(space) == Swept(4, 4)
    assert await space.keys() == set(BESIDE)


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        (r"a\*b*", {b"a*b", b"a*bc"}),
        ("axb?", {b"axb1"}),
        ("ax[bc]", {b"axb", b"axc"}),
        ("ax[^b]", {b"axc", b"ax]"}),
        ("ax[b-c]*", {b"axb", b"axc", b"axb1"}),
        (r"ax[\]]", {b"ax]"}),
        ("ax", {b"ax"}),
        (r"a\\*", {b"a\\c"}),
        ("nothing:*", set()),
    ],
)
async def test_a_pattern_means_what_it_means_in_redis(
    space: Keyspace, pattern: str, gone: set[bytes]
) -> None:
    every = {b"a*b", b"a*bc", b"axb", b"axc", b"axb1", b"ax]", b"ax", b"a\\c", b"b"}
    await space.put(*every)
    await swept(space, pattern)
    assert every - await space.keys() == gone


async def test_patterns_that_overlap_remove_each_key_once(space: Keyspace) -> None:
    await space.fill(500)
    assert (await swept(space, "cache:*", "cache:1*", "cache:*")).deleted == 500


async def test_more_keys_than_allowed_are_left_alone(space: Keyspace) -> None:
    await space.fill(3000)
    with pytest.raises(StoreError, match="more than 2,999 keys match") as caught:
        await swept(space, max_keys=2999)
    assert "so nothing was deleted" in str(caught.value)
    assert not caught.value.started
    assert await space.calls("unlink") == 0
    assert (await swept(space, max_keys=3000)).deleted == 3000


async def test_a_dry_run_counts_and_removes_nothing(space: Keyspace) -> None:
    await space.fill(1234)
    assert await swept(space, dry_run=True) == Swept(1234, 0)
    assert await space.calls("unlink") == 0


async def test_what_is_written_and_removed_meanwhile_changes_nothing_else(space: Keyspace) -> None:
    await fill_with_everything(space)
    before = await space.digest()
    await space.fill(10_000)
    working = asyncio.create_task(swept(space))
    while not working.done():
        await space.admin.set("cache:new", "v")
        await space.admin.delete("cache:9999", "cache:5000", "cache:new2")
    assert 9_990 <= (await working).deleted <= 15_000
    await swept(space)
    assert await space.digest() == before


async def test_the_limit_holds_for_what_comes_meanwhile(space: Keyspace) -> None:
    await space.fill(BATCH)
    watcher = Watcher()

    async def more_come(_: str) -> None:
        await space.fill(20_000)

    tools = replace(watcher.tools, progress=more_come)
    with pytest.raises(StoreError, match=r"more keys came than max_keys \(1,000\)") as caught:
        await sweep(Sweep(facet(space.server.url), ("cache:*",), 1000), tools)
    assert caught.value.started is bool(await space.calls("unlink"))
    assert await space.admin.dbsize() >= 19_000


async def test_it_asks_for_its_lease_before_every_batch_and_stops_without(space: Keyspace) -> None:
    await space.fill(20 * BATCH)
    watcher = Watcher(leases=3)
    with pytest.raises(LeaseLost):
        await sweep(Sweep(facet(space.server.url), ("cache:*",), 1_000_000), watcher.tools)
    assert await space.calls("unlink") == 3


async def test_called_off_between_two_batches_it_says_what_is_gone(space: Keyspace) -> None:
    await space.fill(20 * BATCH)
    watcher = Watcher(leases=3, over=CalledOff)
    swept = await sweep(Sweep(facet(space.server.url), ("cache:*",), 1_000_000), watcher.tools)
    assert await space.calls("unlink") == 3
    assert (swept.scanned, swept.deleted) == (20 * BATCH, 20 * BATCH - await space.admin.dbsize())


async def test_how_far_it_has_come_is_said_without_a_key(space: Keyspace) -> None:
    await space.fill(2000)
    watcher = Watcher()
    await sweep(Sweep(facet(space.server.url), ("cache:*",), 1_000_000), watcher.tools)
    assert watcher.said[-1] == "2,000 of 2,000 keys deleted"
    assert "cache" not in " ".join(watcher.said)


async def test_stopped_half_way_the_rest_is_still_there(space: Keyspace) -> None:
    await space.fill(10_000)
    await space.put(*BESIDE)

    async def begun() -> bool:
        return await space.calls("unlink") > 3

    working = asyncio.create_task(swept(space))
    await until(begun, "some are gone")
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert len(BESIDE) < await space.admin.dbsize() < 10_000
    await swept(space)
    assert await space.keys() == set(BESIDE)


async def test_of_another_database_nothing_is_touched(space: Keyspace) -> None:
    await space.fill(300)
    other = facet(space.server.url.replace("/0", "/7"))
    assert await sweep(Sweep(other, ("cache:*",), 1000), Watcher().tools) == Swept(0, 0)
    assert await space.admin.dbsize() == 300


async def test_a_whole_database_is_emptied_and_no_other(space: Keyspace) -> None:
    await fill_with_everything(space)
    wish = Sweep(facet(space.server.url.replace("/0", "/5")), (), 1000)
    before = await space.admin.dbsize()
    assert await flush_database(replace(wish, dry_run=True), Watcher().tools) == Swept(1, 0)
    assert await flush_database(wish, Watcher().tools) == Swept(1, 1)
    assert await flush_database(wish, Watcher().tools) == Swept(0, 0)
    assert await space.admin.dbsize() == before
    assert (await space.calls("flushdb"), await space.calls("flushall")) == (1, 0)


async def test_a_whole_database_of_too_many_keys_is_left_alone(space: Keyspace) -> None:
    await space.fill(1001)
    watcher = Watcher(leases=0)
    with pytest.raises(StoreError, match="more than 1,000 keys match") as caught:
        await flush_database(Sweep(facet(space.server.url), (), 1000), watcher.tools)
    assert (caught.value.started, watcher.asked) == (False, 0)
    with pytest.raises(LeaseLost):
        await flush_database(Sweep(facet(space.server.url), (), 1001), watcher.tools)
    assert await space.admin.dbsize() == 1001
