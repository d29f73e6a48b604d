"""flush_cache and clear_rate_limits on a real Redis, as the runner and an operator ask for them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from receiver.actions.base import ActionFailed, ActionTimedOut
from receiver.actions.clear_rate_limits import ClearRateLimits
from receiver.actions.flush_cache import FlushCache
from receiver.targets import Target
from tests.receiver.actions.effects import an_effect
from tests.receiver.stores.keyspace import Keyspace, Watcher, keyspace
from tests.receiver.web.serving import Answer, Client, serving
from tests.servers.process import until
from tests.servers.receiver import ReceiverServer, receiver

pytestmark = pytest.mark.server
HOSTILE = {
    "alertname": "CachePoisoned",
    "service": "cache",
    "severity": "critical",
    "instance": "* cache:* other:*\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    "key": "other:1",
    "patterns": '["*"]',
    "*": "*",
}


@pytest.fixture
async def space() -> AsyncIterator[Keyspace]:
    async with keyspace() as made:
        yield made


def facet(space: Keyspace, **more: object) -> dict[str, object]:
    patterns = {"cache_patterns": ["cache:*"], "rate_limit_patterns": ["rl:*"]}
    return {"url": space.server.url, **patterns, **more}


def target(space: Keyspace, **more: object) -> Target:
    return Target.model_validate({"name": "cache", "redis": facet(space, **more)})


async def test_it_says_in_numbers_what_it_did(space: Keyspace) -> None:
    await space.fill(1234)
    done = await FlushCache().run(an_effect(target(space)), Watcher().tools)
    assert done.text.startswith("deleted 1,234 of 1,234 keys of cache:* in ")
    assert done.counts == {"scanned": 1234, "deleted": 1234}
    again = await FlushCache().run(an_effect(target(space)), Watcher().tools)
    assert again.counts == {"scanned": 0, "deleted": 0}


async def test_a_dry_run_says_what_it_would_do(space: Keyspace) -> None:
    await space.fill(10)
    action = FlushCache(dry_run=True)
    done = await action.run(an_effect(target(space)), Watcher().tools)
    assert done.text.startswith("found 10 keys of cache:* and deleted none (dry_run) in ")
    assert (done.counts, await space.admin.dbsize()) == ({"scanned": 10, "deleted": 0}, 10)


async def test_only_the_counters_are_cleared(space: Keyspace) -> None:
    await space.put("rl:1.2.3.4", "cache:1", "other:1")
    done = await ClearRateLimits().run(an_effect(target(space)), Watcher().tools)
    assert done.counts == {"scanned": 1, "deleted": 1}
    assert await space.keys() == {b"cache:1", b"other:1"}


async def test_a_whole_database_is_emptied_where_it_is_named(space: Keyspace) -> None:
    await space.put("cache:1", "anything")
    named = target(space, flushable_database=0)
    done = await FlushCache(whole_database=True).run(an_effect(named), Watcher().tools)
    assert done.text.startswith("deleted 2 of 2 keys of database 0 in ")
    assert await space.admin.dbsize() == 0


async def test_no_label_reaches_a_key(space: Keyspace) -> None:
    await space.put("cache:1", "other:1", "*")
    effect = an_effect(target(space), labels=HOSTILE)
    await FlushCache().run(effect, Watcher().tools)
    assert await space.keys() == {b"other:1", b"*"}
    assert await space.calls("flushall") == 0


async def test_at_its_timeout_it_stops(space: Keyspace) -> None:
    await space.fill(200_000)
    with pytest.raises(ActionTimedOut):
        await FlushCache().run(an_effect(target(space), timeout=0.3), Watcher().tools)


async def test_a_server_that_cannot_be_reached_was_not_touched(space: Keyspace) -> None:
    space.server.kill()
    with pytest.raises(ActionFailed) as caught:
        await FlushCache().run(an_effect(target(space)), Watcher().tools)
    assert (caught.value.started, caught.value.unknown) == (False, False)


async def ask(client: Client, **body: Any) -> Answer:
    return await client.ask("POST", "/api/v1/repairs", data=json.dumps(body).encode())


async def test_an_operator_flushes_and_ping_proves_that_it_lives(
    space: Keyspace, tmp_path: Path
) -> None:
    await space.fill(100)
    await space.put("other:1")
    targets = {"cache": {"redis": facet(space)}}
    async with serving(tmp_path, targets=targets, playbooks=[]) as client:
        assert (await ask(client, target="cache", action="flush_cache")).status == 202

        async def closed() -> bool:
            shown = (await client.ask("GET", "/api/v1/incidents/1")).json
            return bool(shown["state"] == "RESOLVED")

        await until(closed, "flushed and proven")
        rows = (await client.ask("GET", "/api/v1/journal")).text
    (outcome,) = [row for row in map(json.loads, rows.splitlines()) if row["ev"] == "outcome"]
    assert outcome["counts"] == {"scanned": 100, "deleted": 100}
    assert await space.keys() == {b"other:1"}
    assert "cache:9" not in rows


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"patterns": ["*"]}, "must begin with a literal prefix"),
        ({"patterns": ["[a-z]*"]}, "must begin with a literal prefix"),
        ({"patterns": ["other:*"]}, "other:* is none of its redis.cache_patterns: cache:*"),
        ({"whole_database": True}, "write `flushable_database: 0` into its redis facet"),
        ({"url": "redis://evil.example"}, "unknown key"),
        ({"max_keys": 0}, "must be greater than or equal to 1"),
    ],
)
async def test_an_operator_is_told_what_is_not_done(
    space: Keyspace, tmp_path: Path, options: Mapping[str, object], said: str
) -> None:
    await space.put("cache:1", "other:1")
    async with serving(
        tmp_path, targets={"cache": {"redis": facet(space)}}, playbooks=[]
    ) as client:
        answer = await ask(client, target="cache", action="flush_cache", options=options)
    assert (answer.status, answer.json["error"]) == (422, answer.json["error"])
    assert said in answer.json["error"] + answer.json["reason"]
    assert await space.admin.dbsize() == 2


async def flushing(server: ReceiverServer, space: Keyspace) -> None:
    """Asked for by an alert whose labels are an attacker's, until some keys are gone."""
    await server.deliver(
        {
            "status": "firing",
            "labels": HOSTILE,
            "startsAt": "2026-11-21T08:00:00Z",
            "fingerprint": "f1",
        }
    )

    async def begun() -> bool:
        return await space.calls("unlink") > 5

    await until(begun, "some keys are gone", process=server.process)


@pytest.mark.timeout(180)  # two starts of a receiver, on a machine that has others to serve, too
async def test_killed_in_the_middle_it_is_looked_at_and_done_again(
    space: Keyspace, tmp_path: Path
) -> None:
    await space.fill(3000, "other")
    before = await space.digest()
    await space.fill(10_000)
    book = {
        "name": "flush",
        "matchers": ['alertname="CachePoisoned"'],
        "mode": "auto",
        "ladder": [{"action": "flush_cache"}],
        "verify": {"settle": "0s", "within": "2s", "every": "1s", "decay": "0s"},
    }
    config = {
        "mode": "auto",
        "limits": {"max_age": "1000d"},
        "targets": {"cache": {"matchers": ['service="cache"'], "redis": facet(space)}},
        "playbooks": [book],
    }
    async with receiver(tmp_path, config) as server:
        await flushing(server, space)
        server.kill()
        assert 3000 < await space.admin.dbsize() < 13_000
        await server.begin()

        async def gone() -> bool:
            return int(await space.admin.dbsize()) == 3000

        await until(gone, "the rest is gone, too", deadline=45, process=server.process)
        await until(lambda: len(server.events("outcome")) == 2, "and it is written down")
        assert [row["result"] for row in server.events("outcome")] == ["unknown", "ok"]
    assert await space.digest() == before
