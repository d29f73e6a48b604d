"""What stands behind the shop, on a real Redis and a real PostgreSQL."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from redis.asyncio import Redis

from demo.shop.app import create_app
from demo.shop.backing import backing
from demo.shop.workers import KILLED, scale
from demo.stack import database
from demo.stack.places import PORTS, Places
from demo.stack.programs import find
from demo.stack.render import prepare
from tests.servers.ports import free_port
from tests.servers.process import running, start, until
from tests.servers.redis import RedisServer, redis_server

pytestmark = pytest.mark.server
Shop = TestClient[Request, Application]


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


@pytest.fixture
async def look(redis: RedisServer) -> AsyncIterator[Redis]:
    """The operator's own eyes."""
    client: Redis = Redis.from_url(redis.url)
    yield client
    await client.aclose()


@pytest.fixture
async def shop(redis: RedisServer) -> AsyncIterator[Shop]:
    async with TestClient(TestServer(create_app(backing(redis.url, None)))) as client:
        yield client


async def break_it(shop: Shop, kind: str, **numbers: float) -> None:
    answer = await shop.post("/admin/fault", json={"kind": kind, **numbers})
    assert answer.status == 200, await answer.text()


async def unreadable(shop: Shop) -> float:
    text = await (await shop.get("/metrics")).text()
    pattern = r'app_operation_seconds_count{kind="external",name="cache",outcome="error"} (\S+)'
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


async def test_a_poisoned_cache_is_counted_and_stays_until_somebody_flushes_it(
    shop: Shop, look: Redis
) -> None:
    before = await unreadable(shop)
    await break_it(shop, "poison")
    for _ in range(2):
        assert (await shop.get("/products")).status == 200
    assert await unreadable(shop) == before + 2
    assert await look.unlink("cache:products") == 1
    await shop.get("/products")
    await shop.get("/products")
    assert await unreadable(shop) == before + 2
    assert await look.ttl("cache:products") > 0


async def test_a_jammed_rate_limiter_rejects_until_somebody_clears_it(
    shop: Shop, look: Redis
) -> None:
    assert (await shop.get("/products")).status == 200
    await break_it(shop, "ratelimit")
    assert (await shop.get("/products")).status == 429
    assert (await shop.get("/health")).status == 200
    (counter,) = await look.keys("rl:*")
    assert await look.ttl(counter) == -1
    await look.unlink(counter)
    assert (await shop.get("/products")).status == 200


async def test_without_a_redis_that_answers_customers_are_served(
    shop: Shop, redis: RedisServer
) -> None:
    redis.hang()
    assert (await shop.get("/products")).status == 200


async def test_what_is_not_there_cannot_be_spoiled(shop: Shop) -> None:
    answer = await shop.post("/admin/fault", json={"kind": "pool"})
    assert answer.status == 422
    assert "runs without" in await answer.text()


async def test_none_mends_what_was_spoiled(shop: Shop, look: Redis) -> None:
    for kind in ("poison", "ratelimit", "none"):
        await break_it(shop, kind)
    assert await look.keys("*") == []
    assert (await shop.get("/products")).status == 200


async def test_garbage_is_only_freed_by_who_collects_it(shop: Shop) -> None:
    async def leaked() -> int:
        return int((await (await shop.get("/admin/fault")).json())["leaked"])

    await break_it(shop, "garbage", megabytes=2, per_second=200)
    await until(lambda: _zero(leaked), "it has become garbage")
    freed = (await (await shop.post("/admin/gc")).json())["freed"]
    assert freed >= 1


async def _zero(number: Any) -> bool:
    return bool(await number() == 0)


async def test_workers_send_the_letters_as_many_at_a_time_as_were_asked_for(
    shop: Shop, redis: RedisServer, look: Redis, tmp_path: Path
) -> None:
    argv = [
        *(sys.executable, "-m", "demo.shop.workers"),
        *("--folder", str(tmp_path / "w"), "--redis", redis.url),
    ]
    pids = tmp_path / "w" / "pids"

    def workers() -> int:
        return len(pids.read_text().split()) if pids.exists() else 0

    async with running(start("workers", [*argv, "run"], tmp_path), lambda: workers() == 1):
        assert (await shop.post("/checkout")).status == 201
        await until(lambda: _none_waits(look), "the letter is sent")
        scale(tmp_path / "w", 3)
        await until(lambda: workers() == 3, "there are three", deadline=20)
        await break_it(shop, "stuck", jobs=200)
        await until(lambda: _killed(look, 2), "two workers have died", deadline=20)
        await until(lambda: workers() == 3, "others have taken their places")
        assert await look.llen("bull:email:active") == 2


async def _none_waits(look: Redis) -> bool:
    return not await look.llen("bull:email:wait") and not await look.llen("bull:email:active")


async def _killed(look: Redis, count: int) -> bool:
    return len(await look.keys(f"{KILLED}*")) == count


def test_a_cluster_of_other_passwords_is_made_anew_and_one_of_the_same_is_kept(
    tmp_path: Path,
) -> None:
    places, programs = Places({part: free_port() for part in PORTS}, tmp_path), find()
    stamps = []
    for forgotten in (False, False, True):
        if forgotten:
            shutil.rmtree(places.secrets)
        prepare(places, programs)
        database.make(places, programs["postgres"])
        made = database.folder(places) / database.MADE
        stamps.append((made.stat().st_mtime_ns, made.read_text()))
    assert stamps[0] == stamps[1]
    assert stamps[2][1] != stamps[0][1]


async def test_forgotten_connections_hold_a_transaction_each(tmp_path: Path) -> None:
    places = Places({part: free_port() for part in PORTS}, tmp_path)
    programs = find()
    prepare(places, programs)
    database.make(places, programs["postgres"])
    url = database.url_file(places, "shop").read_text().strip()
    server = start("postgres", _as_owner(database.argv(places, programs["postgres"])), tmp_path)
    async with running(server, lambda: "ready to accept connections" in server.output()):
        behind = backing(None, url)
        async with TestClient(TestServer(create_app(behind))) as shop:
            assert (await shop.post("/checkout")).status == 201
            await break_it(shop, "pool", connections=5)
            assert behind.orders is not None
            pool = await behind.orders._opened()
            state = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
            assert await pool.fetchval(state) == 5
            await break_it(shop, "none")
            await until(lambda: _zero(lambda: pool.fetchval(state)), "they are closed")
            assert await pool.fetchval("SELECT count(*) FROM sessions") == 1


def _as_owner(argv: list[str]) -> list[str]:
    owner = database.runs_as().get("user")
    return (
        ["setpriv", f"--reuid={owner}", "--init-groups", f"--regid={owner}", *argv]
        if owner
        else argv
    )
