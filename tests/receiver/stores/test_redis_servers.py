"""Which servers are swept: every primary of a cluster, over TLS, too."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from receiver.stores.base import StoreError
from receiver.stores.redis_keys import Sweep, Swept, flush_database, sweep
from receiver.stores.redis_sessions import StaleSessions, stale_sessions
from tests.receiver.stores.keyspace import (
    DEBUGGABLE,
    Keyspace,
    Watcher,
    administered,
    facet,
    keyspace,
)
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer, redis_server
from tests.servers.redis_cluster import redis_cluster

pytestmark = pytest.mark.server


@asynccontextmanager
async def cluster(count: int) -> AsyncIterator[list[Keyspace]]:
    async with redis_cluster(count, *DEBUGGABLE) as nodes, AsyncExitStack() as stack:
        yield [await stack.enter_async_context(administered(node)) for node in nodes]


async def fill(first: RedisServer, *prefixes: str, count: int) -> None:
    """Each key on the node that it belongs to."""
    client = redis.asyncio.RedisCluster.from_url(first.url)
    for prefix in prefixes:
        for number in range(count):
            await client.set(f"{prefix}:{number}", "v")
    await client.aclose()


async def sizes(nodes: list[Keyspace]) -> list[int]:
    return [int(await node.admin.dbsize()) for node in nodes]


async def test_every_primary_of_a_cluster_is_swept_and_nothing_else_goes() -> None:
    async with cluster(3) as nodes:
        first = nodes[0].server
        await fill(first, "other", count=200)
        before, digests = await sizes(nodes), [await node.digest() for node in nodes]
        await fill(first, "cache", count=600)
        assert all(now > then for now, then in zip(await sizes(nodes), before, strict=True))
        for node in nodes[1:]:  # whichever the url names
            wish = Sweep(facet(node.server.url), ("cache:*",), 1000)
            swept = await sweep(replace(wish, dry_run=node is nodes[1]), Watcher().tools)
            assert swept == Swept(600, 600 if node is nodes[2] else 0)
        assert await sizes(nodes) == before
        assert [await node.digest() for node in nodes] == digests


async def test_the_limit_is_of_the_whole_cluster() -> None:
    async with cluster(2) as nodes:
        await fill(nodes[0].server, "cache", count=100)
        with pytest.raises(StoreError, match="more than 99 keys match"):
            await sweep(Sweep(facet(nodes[0].server.url), ("cache:*",), 99), Watcher().tools)
        assert sum(await sizes(nodes)) == 100


async def test_a_cluster_of_one_is_a_cluster() -> None:
    async with cluster(1) as nodes:
        await fill(nodes[0].server, "cache", count=50)
        swept = await sweep(Sweep(facet(nodes[0].server.url), ("cache:*",), 99), Watcher().tools)
        assert swept == Swept(50, 50)
        with pytest.raises(StoreError, match="a cluster is never flushed as a whole") as caught:
            await flush_database(Sweep(facet(nodes[0].server.url), (), 99), Watcher().tools)
        assert not caught.value.started


async def test_a_cluster_that_misses_a_part_is_left_alone() -> None:
    async with cluster(2) as nodes:
        await fill(nodes[0].server, "cache", count=20)
        nodes[1].server.kill()
        with pytest.raises(StoreError) as caught:
            await sweep(Sweep(facet(nodes[0].server.url), ("cache:*",), 99), Watcher().tools)
        assert not caught.value.started
        assert await nodes[0].calls("unlink") == 0


async def test_a_key_that_moves_meanwhile_is_said_with_what_went() -> None:
    async with cluster(2) as nodes:
        await fill(nodes[0].server, "cache:{a}", count=10)  # one slot, of the second node
        slot = await nodes[0].ask("CLUSTER", "KEYSLOT", "{a}")
        elsewhere = (await nodes[0].ask("CLUSTER", "MYID")).decode()
        at_once = redis.Redis.from_url(nodes[1].server.url)

        def move_one(_: int) -> None:
            at_once.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", elsewhere)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
            at_once.delete("cache:{a}:3")

        wish = Sweep(facet(nodes[0].server.url), ("cache:*",), 99)
        with pytest.raises(StoreError, match=r"moves its slots just now.*; 9 of 10 keys") as caught:
            await sweep(wish, Watcher(at_lease=move_one).tools)
        at_once.close()
        assert (caught.value.started, caught.value.unknown) == (True, False)


async def test_sessions_of_a_cluster_are_found_on_every_node() -> None:
    async with cluster(2) as nodes:
        await fill(nodes[0].server, "sess", count=30)
        wish = StaleSessions(facet(nodes[0].server.url, session_patterns=["sess:*"]))
        assert await stale_sessions(wish, Watcher().tools) == Swept(30, 0)


async def test_the_least_permission_is_enough_in_a_cluster() -> None:
    async with cluster(2) as nodes:
        await fill(nodes[0].server, "cache", count=50)
        for node in nodes:
            url = await node.user("+scan", "+unlink", "~cache:*", "+cluster|slots")
        assert (await sweep(Sweep(facet(url), ("cache:*",), 99), Watcher().tools)).deleted == 50


def certificate(folder: Path) -> tuple[Path, Path]:
    key, made = folder / "key.pem", folder / "cert.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", *kind, *subject, "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return key, made


async def test_it_works_over_tls_and_believes_no_other_certificate(tmp_path: Path) -> None:
    key, made = certificate(tmp_path)
    port = free_port()
    files = (
        "--tls-cert-file",
        str(made),
        "--tls-key-file",
        str(key),
        "--tls-ca-cert-file",
        str(made),
    )
    options = ("--tls-port", str(port), "--tls-auth-clients", "no", *files)
    async with redis_server(*options) as server, administered(server) as space:
        await space.put("cache:1")
        bare = Sweep(facet(f"rediss://localhost:{port}/0"), ("cache:*",), 10)
        with pytest.raises(StoreError, match="certificate verify failed") as caught:
            await sweep(bare, Watcher().tools)
        assert not caught.value.started
        known = facet(f"rediss://localhost:{port}/0?ssl_ca_certs={made}")
        assert (await sweep(replace(bare, facet=known), Watcher().tools)).deleted == 1


async def test_a_cluster_without_slots_is_left_alone() -> None:
    async with keyspace("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as lonely:
        with pytest.raises(StoreError, match="serves only a part of its slots") as caught:
            await sweep(Sweep(facet(lonely.server.url), ("cache:*",), 10), Watcher().tools)
        assert not caught.value.started
