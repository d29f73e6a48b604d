"""What can go wrong between us and the Redis of a queue: nothing is lost by it, and what to do is said."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import pytest
import redis.asyncio

from receiver.actions.base import ActionFailed, ActionTimedOut
from receiver.actions.heal_stuck_jobs import HealStuckJobs
from receiver.actions.pause_queue import PauseQueue
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.actions.effects import an_effect
from tests.receiver.queues.broken import a_target, heal, pause, stuck, told
from tests.receiver.stand_ins import a_toolbox
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer, redis_server

pytestmark = pytest.mark.server
KEY = "bull:email:"
# what the docstring of BullMq asks for
ALLOWED = [
    *("+hello", "+eval", "+time", "+exists", "+hget", "+hmget", "+hset", "+hdel", "+hexists"),
    *("+llen", "+lpos", "+lrange", "+lrem", "+rpush", "+rpoplpush", "+rename", "+zadd", "+zcard"),
    *("+zrange", "+zscore", "+srem", "+xadd", "+del"),
]


@dataclass(frozen=True)
class Abandoned:
    """A queue as a crash leaves it, written by hand: no worker is needed where the trouble is on our side."""

    server: RedisServer
    client: redis.asyncio.Redis

    @property
    def target(self) -> Target:
        return a_target(self.server.url)

    def as_user(self) -> Target:
        return a_target(self.server.url.replace("redis://", "redis://narrow:pw@"))

    async def users(self, *rules: str) -> None:
        words = ("ACL", "SETUSER", "narrow", "reset", "on", ">pw", "~bull:*", "-@all", *rules)
        await self.client.execute_command(*words)  # type: ignore[no-untyped-call] # untyped in redis-py

    async def everywhere(self) -> dict[str, int]:
        """How many jobs are in each list."""
        found: dict[str, int] = {}
        for kind in ("active", "wait", "paused"):
            number = await self.client.execute_command("LLEN", KEY + kind)  # type: ignore[no-untyped-call] # untyped in redis-py
            found |= {kind: number} if number else {}
        return found


@asynccontextmanager
async def abandoned(jobs: int = 1, *options: str) -> AsyncIterator[Abandoned]:
    async with redis_server(*options) as server, redis.asyncio.from_url(server.url) as client:
        async with client.pipeline() as pipe:
            pipe.hset(KEY + "meta", "version", "bullmq:5.81.5")
            for number in range(jobs):
                pipe.hset(f"{KEY}{number}", mapping={"name": "n", "processedOn": "1700000000000"})
                pipe.lpush(KEY + "active", str(number))
            await pipe.execute()
        yield Abandoned(server, client)


async def test_the_rights_that_are_asked_for_are_enough() -> None:
    async with abandoned() as queue:
        await queue.users(*ALLOWED)
        assert (await heal(queue.as_user())).counts["stuckJobs"] == 1
        assert (await pause(queue.as_user())).text == "paused email"
        assert (await pause(queue.as_user(), resume=True)).text == "resumed email"


@pytest.mark.parametrize("missing", ALLOWED)
async def test_without_one_of_them_no_job_is_lost(missing: str) -> None:
    """A script that is refused half-way is not undone by Redis."""
    async with abandoned(3) as queue:
        await queue.users(*ALLOWED, missing.replace("+", "-"))
        for act in (heal, pause):
            with suppress(ActionFailed):
                await act(queue.as_user())
        lists = await queue.everywhere()
        assert sum(lists.values()) == 3, lists
        await queue.users(*ALLOWED)
        await heal(queue.as_user())
        await pause(queue.as_user())
        assert await queue.everywhere() == {"paused": 3}


async def test_who_has_no_right_is_told_which_to_give() -> None:
    async with abandoned() as queue:
        for missing in ("-lrange", "-eval", "-xadd"):
            await queue.users(*ALLOWED, missing)
            with pytest.raises(ActionFailed, match=r"no permission: .* \+lrem"):
                await heal(queue.as_user())


async def test_a_wrong_password_is_said_and_not_shown() -> None:
    async with abandoned() as queue:
        target = a_target(queue.server.url.replace("redis://", "redis://nobody:hunter2@"))
        with pytest.raises(ActionFailed, match=r"queue\.url is wrong") as caught:
            await heal(target)
        assert not caught.value.started
        assert "hunter2" not in str(caught.value)


async def test_a_server_that_is_away_never_began() -> None:
    for act in (heal, pause):
        with pytest.raises(ActionFailed) as caught:
            await act(a_target(f"redis://127.0.0.1:{free_port()}/0"))
        assert (caught.value.started, caught.value.unknown) == (False, False)


async def test_a_server_that_hangs_is_given_up_at_the_timeout() -> None:
    async with abandoned() as queue:
        queue.server.hang()
        with pytest.raises(ActionTimedOut):
            await heal(queue.target, timeout=0.3)
        queue.server.wake()
        assert await queue.everywhere() == {"active": 1}


async def test_a_replica_is_refused() -> None:
    options = ("--replicaof", "127.0.0.1", str(free_port()))
    async with redis_server(*options) as server:
        with pytest.raises(ActionFailed, match="replica"):
            await heal(a_target(server.url))


async def test_who_has_lost_the_lease_stops_between_two_batches() -> None:
    class LostError(Exception):
        """As the runner's own."""

    asked = []

    def require() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise LostError

    async with abandoned(350) as queue:
        tools: Tools = replace(a_toolbox(), require_lease=require)
        with pytest.raises(LostError):
            await heal(queue.target, tools=tools)
        assert await queue.everywhere() == {"active": 150, "wait": 200}
        done = await heal(queue.target)
        assert done.counts["stuckJobs"] == 150
        assert await queue.everywhere() == {"wait": 350}


async def test_what_was_done_before_the_trouble_is_said() -> None:
    async with abandoned(150) as queue:
        target = a_target(queue.server.url, queues=["email", "broken"])
        await queue.client.set("bull:broken:active", "no list")
        with pytest.raises(ActionFailed, match="before that: email: 150 put back") as caught:
            await heal(target)
        assert caught.value.started


async def test_a_server_that_dies_on_the_way_leaves_it_unknown() -> None:
    async with abandoned() as queue:
        with pytest.raises(ActionFailed) as caught:
            await heal(
                queue.target,
                tools=replace(
                    a_toolbox(), require_lease=lambda: os.kill(queue.server.pid, signal.SIGKILL)
                ),
            )
        assert (caught.value.started, caught.value.unknown) == (True, True)


async def test_a_slow_server_is_waited_for() -> None:
    async with abandoned(3) as queue:
        await told(queue.server.url, "CLIENT", "PAUSE", 400, "ALL")
        assert (await heal(queue.target)).counts["stuckJobs"] == 3


async def test_two_thousand_are_put_back_in_their_order() -> None:
    async with abandoned(2_000) as queue:
        assert (await heal(queue.target)).counts["stuckJobs"] == 2_000
        ends = [await told(queue.server.url, "LINDEX", KEY + "wait", at) for at in (0, -1)]
        assert ends == [b"0", b"1999"]


async def test_hostile_labels_reach_no_command() -> None:
    labels = {"alertname": "x\r\nFLUSHALL\r\n", "queue": "*", "reboot": "$(reboot)"}
    async with abandoned() as queue, queue.client.monitor() as monitor:
        effect = an_effect(queue.target, labels=labels)
        await HealStuckJobs().run(effect, a_toolbox())
        await PauseQueue().run(effect, a_toolbox())
        await told(queue.server.url, "ECHO", "the end")
        said = ""
        while "the end" not in said:
            said += str((await monitor.next_command())["command"])
        assert "EVAL" in said
        assert not [word for word in ("FLUSHALL", "reboot", "alertname") if word in said]


async def test_it_says_how_far_it_has_come() -> None:
    said: list[str] = []

    async def hear(text: str) -> None:
        said.append(text)

    async with abandoned(150) as queue:
        await heal(queue.target, tools=replace(a_toolbox(), progress=hear))
    assert said == ["email: 100 put back (100 of 150)", "email: 150 put back (150 of 150)"]


async def test_an_id_of_any_bytes_goes_back_as_it_came() -> None:
    async with abandoned(0) as queue:
        for one in (b"\xff\xfe", b"a b:c", b"*", "ü".encode()):
            await queue.client.hset(KEY.encode() + one, "processedOn", "1")
            await queue.client.lpush(KEY + "active", one)
        assert (await heal(queue.target)).counts["stuckJobs"] == 4
        wait = await queue.client.lrange(KEY + "wait", 0, -1)
        assert set(wait) == {b"\xff\xfe", b"a b:c", b"*", "ü".encode()}


async def test_other_queues_are_not_looked_at() -> None:
    async with abandoned() as queue:
        assert await stuck(a_target(queue.server.url, queues=["emai"]), "emai") == 0
        await heal(a_target(queue.server.url, queues=["mail", "email:x".partition(":")[0] + "x"]))
        assert await queue.everywhere() == {"active": 1}
