from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import redis

from receiver.stores.base import StoreError
from receiver.stores.redis_keys import Swept
from receiver.stores.redis_sessions import StaleSessions, stale_sessions
from receiver.tools import CalledOff
from tests.receiver.stores.keyspace import Keyspace, LeaseLost, Watcher, facet, keyspace

pytestmark = pytest.mark.server
LONG_AGO = 40 * 86400


@pytest.fixture
async def space() -> AsyncIterator[Keyspace]:
    async with keyspace() as made:
        yield made


async def idle(space: Keyspace, key: bytes | str, seconds: int = LONG_AGO) -> None:
    """Stored as if nobody had touched it for so long."""
    await space.put("model")
    value = await space.admin.dump("model")
    await space.admin.delete("model")
    await space.ask("RESTORE", key, 0, value, "IDLETIME", seconds, "REPLACE")


async def many_idle(space: Keyspace, count: int) -> None:
    for number in range(count):
        await idle(space, f"sess:{number}")


def of(url: str, **more: object) -> StaleSessions:
    made = facet(url, session_patterns=["sess:*"], **more)
    return StaleSessions(made)


async def test_what_never_expires_and_nobody_touches_goes(space: Keyspace) -> None:
    await idle(space, b"sess:old\xff")
    await idle(space, "sess:younger", LONG_AGO - 11 * 86400)
    await space.admin.set("sess:expires", "v", ex=3600)
    await space.put("sess:new", "other")
    await idle(space, "user:old")
    assert await stale_sessions(of(space.server.url), Watcher().tools) == Swept(4, 1)
    kept = {b"sess:younger", b"sess:expires", b"sess:new", b"other", b"user:old"}
    assert await space.keys() == kept


async def test_the_age_is_the_facets(space: Keyspace) -> None:
    await idle(space, "sess:1", 3700)
    assert (await stale_sessions(of(space.server.url), Watcher().tools)).deleted == 0
    young = of(space.server.url, session_max_age="1h")
    assert (await stale_sessions(young, Watcher().tools)).deleted == 1


async def test_looking_at_a_session_is_no_use_of_it(space: Keyspace) -> None:
    await idle(space, "sess:1")
    dry = replace(of(space.server.url), dry_run=True)
    assert await stale_sessions(dry, Watcher().tools) == Swept(1, 1)
    assert await stale_sessions(dry, Watcher().tools) == Swept(1, 1)
    assert (await stale_sessions(of(space.server.url), Watcher().tools)).deleted == 1


@pytest.mark.parametrize("word", ["GET", "TOUCH", "EXPIRE"])
async def test_who_comes_back_between_look_and_removal_stays(space: Keyspace, word: str) -> None:
    await many_idle(space, 5)
    returning = redis.Redis.from_url(space.server.url)
    arguments = [60] if word == "EXPIRE" else []
    watcher = Watcher(
        at_lease=lambda _: returning.execute_command(word, "sess:3", *arguments) and None  # type: ignore[no-untyped-call] # redis-py leaves it untyped
    )
    swept = await stale_sessions(of(space.server.url), watcher.tools)
    returning.close()
    assert (await space.keys(), swept.deleted) == ({b"sess:3"}, 4)


async def test_no_more_than_allowed_go_in_one_run(space: Keyspace) -> None:
    await many_idle(space, 25)
    some = replace(of(space.server.url), max_rows=10, batch=4)
    deleted = [(await stale_sessions(some, Watcher().tools)).deleted for _ in range(4)]
    assert deleted == [10, 10, 5, 0]


async def test_it_asks_for_its_lease_before_every_batch(space: Keyspace) -> None:
    await many_idle(space, 10)
    with pytest.raises(LeaseLost):
        await stale_sessions(replace(of(space.server.url), batch=3), Watcher(leases=2).tools)
    assert await space.admin.dbsize() == 4


async def test_called_off_between_two_batches_it_says_what_is_gone(space: Keyspace) -> None:
    await many_idle(space, 10)
    watcher = Watcher(leases=2, over=CalledOff)
    swept = await stale_sessions(replace(of(space.server.url), batch=3), watcher.tools)
    assert (swept.deleted, await space.admin.dbsize()) == (6, 4)


async def test_where_uses_are_counted_nobody_can_say_and_nothing_goes(space: Keyspace) -> None:
    await space.put("sess:1")
    await space.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    with pytest.raises(StoreError, match="give sessions a time to live, or use an LRU") as caught:
        await stale_sessions(of(space.server.url), Watcher().tools)
    assert not caught.value.started


LEAST = ("~sess:*", "+scan", "+ttl", "+object|idletime", "+eval", "+unlink")


async def test_the_least_permission_is_enough(space: Keyspace) -> None:
    await idle(space, "sess:1")
    url = await space.user(*LEAST)
    assert (await stale_sessions(of(url), Watcher().tools)).deleted == 1
    assert await space.ask("ACL", "LOG") == []


@pytest.mark.parametrize("missing", LEAST)
async def test_without_one_of_them_it_says_which_are_needed(space: Keyspace, missing: str) -> None:
    await idle(space, "sess:1")
    url = await space.user(*(rule for rule in LEAST if rule != missing))
    with pytest.raises(StoreError, match=r"\+scan \+ttl \+object\|idletime \+eval") as caught:
        await stale_sessions(of(url), Watcher().tools)
    assert not caught.value.started
    assert await space.keys() == {b"sess:1"}


async def test_a_server_that_dies_half_way_leaves_the_end_unknown(space: Keyspace) -> None:
    await many_idle(space, 6)
    watcher = Watcher(at_lease=lambda number: space.server.kill() if number == 2 else None)
    with pytest.raises(StoreError, match="3 sessions were deleted before that") as caught:
        await stale_sessions(replace(of(space.server.url), batch=3), watcher.tools)
    assert caught.value.unknown


async def test_how_far_it_has_come_is_said_without_a_key(space: Keyspace) -> None:
    await many_idle(space, 3)
    watcher = Watcher()
    await stale_sessions(of(space.server.url), watcher.tools)
    assert watcher.said[-1] == "3 of 3 sessions deleted"
