"""Real Celery workers on a real Redis, killed, hung and alive."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from receiver.actions.base import ActionFailed
from receiver.actions.pause_queue import PauseQueue
from receiver.targets import Target
from tests.receiver.queues.broken import a_target, heal, stuck, told
from tests.servers.process import ServerProcess, until
from tests.servers.queues import Console, console, worker
from tests.servers.redis import RedisServer, redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run makes a venv
OPTIONS = ("-Q", "email", "-c", "1", "--without-mingle")


@dataclass(frozen=True)
class Broker:
    server: RedisServer
    tasks: Console
    folder: Path

    @property
    def target(self) -> Target:
        return a_target(self.server.url, system="celery")

    async def send(self, *options: str, seconds: int = 600) -> None:
        await self.tasks(f"work.apply_async(({seconds},), queue='email', {', '.join(options)}).id")

    async def taken(self) -> int:
        return int(await told(self.server.url, "HLEN", "unacked"))

    async def waiting(self, priority: int = 0) -> int:
        key = f"email\x06\x16{priority}" if priority else "email"
        return int(await told(self.server.url, "LLEN", key))

    @asynccontextmanager
    async def worker(self, name: str, taken: int) -> AsyncIterator[ServerProcess]:
        """One that has taken messages until so many are taken altogether; killed at the end."""
        folder = self.folder / name
        folder.mkdir()
        async with worker("celery", self.server.url, folder, *OPTIONS, "-n", f"{name}@here") as one:

            async def so_many() -> bool:
                return await self.taken() == taken

            await until(so_many, f"{taken} are taken")
            try:
                yield one
            finally:
                one.signal(signal.SIGCONT)
                one.kill()


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[Broker]:
    async with redis_server() as server, console("celery", server.url) as tasks:
        yield Broker(server, tasks, folder)


async def until_gone(one: Broker) -> None:
    """Until Redis has noticed that the worker's connections are closed, and its message is old enough."""

    async def nobody_listens() -> bool:
        return " psub=1" not in (await told(one.server.url, "CLIENT", "LIST")).decode()

    await until(nobody_listens, "its connections are closed")
    await until_old()


async def until_old() -> None:
    """Longer than the `stuck_after` of these tests."""
    await asyncio.sleep(0.15)


async def test_what_the_only_worker_held_goes_back_and_is_run_by_the_next(tmp_path: Path) -> None:
    async with broker(tmp_path) as one:
        await one.send("priority=3")
        async with one.worker("a", 1):
            pass
        await until_gone(one)
        assert await stuck(one.target) == 1
        assert (await heal(one.target, stuck_after="1h")).text == "email: nothing was stuck"
        assert (await heal(one.target)).text == "email: 1 put back"
        assert (await one.taken(), await one.waiting(3)) == (0, 1)
        message = json.loads(await told(one.server.url, "LINDEX", "email\x06\x163", 0))
        assert message["headers"]["redelivered"] is True
        assert message["properties"]["delivery_info"]["redelivered"] is True
        assert (await heal(one.target)).text == "email: nothing was stuck"
        async with one.worker("b", 1) as another:
            await until(lambda: "Task work[" in another.output(), "it is run again")


async def test_what_a_worker_runs_or_keeps_for_later_stays_alive_or_hung(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path) as one:
        await one.send("countdown=300")
        await one.send()
        async with one.worker("a", 2) as process:
            await until_old()
            done = await heal(one.target)
            assert (done.counts["stuckJobs"], done.counts["left"]) == (0, 0)
            process.signal(signal.SIGSTOP)
            done = await heal(one.target)
            assert (done.counts["stuckJobs"], done.counts["left"]) == (0, 2)
            assert "1 of 1 connected workers do not answer" in done.text
            assert await one.taken() == 2


async def test_only_the_dead_ones_messages_go_back(tmp_path: Path) -> None:
    async with broker(tmp_path) as one:
        await one.send()
        async with one.worker("a", 1):
            await one.send()
            async with one.worker("b", 2):
                pass

            async def healed() -> bool:
                return (await heal(one.target)).counts["stuckJobs"] == 1

            await until(healed, "what b held is put back")
            assert (await heal(one.target)).counts["stuckJobs"] == 0


async def test_a_worker_that_hears_no_broadcast_is_noticed(tmp_path: Path) -> None:
    async with broker(tmp_path) as one:
        await one.send()
        folder = tmp_path / "deaf"
        folder.mkdir()
        start = worker("celery", one.server.url, folder, *OPTIONS, "--without-gossip", DEAF="1")
        async with start as deaf:

            async def taken() -> bool:
                return await one.taken() == 1

            await until(taken, "it is taken")
            await until_old()
            done = await heal(one.target)
            deaf.kill()
        assert done.counts["left"] == 1
        assert "worker without remote control" in done.text


async def test_other_queues_and_what_is_no_task_stay(tmp_path: Path) -> None:
    async with redis_server() as server:
        for tag, raw in {
            "1": "no json",
            "2": json.dumps([{"headers": {}, "properties": {}}, "", "email"]),
            "3": json.dumps([{"headers": {"id": "x", "task": "t"}, "properties": {"delivery_info": {}}}, "", "other"]),
        }.items():  # fmt: skip
            await told(server.url, "HSET", "unacked", tag, raw)
            await told(server.url, "ZADD", "unacked_index", 1, tag)
        assert (await heal(a_target(server.url, system="celery"))).counts["stuckJobs"] == 0
        assert await told(server.url, "HLEN", "unacked") == 3


async def test_an_exchange_says_which_queue_is_meant() -> None:
    async with redis_server() as server:
        payload = {
            "headers": {"id": "x", "task": "t"},
            "properties": {"delivery_info": {}, "priority": 5},
        }
        await told(server.url, "SADD", "_kombu.binding.mails", "rk\x06\x16\x06\x16email")
        await told(server.url, "HSET", "unacked", "1", json.dumps([payload, "mails", "rk"]))
        await told(server.url, "ZADD", "unacked_index", 1, "1")
        assert (await heal(a_target(server.url, system="celery"))).counts["requeued"] == 1
        assert await told(server.url, "LLEN", "email\x06\x163") == 1


async def test_without_the_right_nothing_is_lost() -> None:
    async with redis_server() as server:
        payload = {"headers": {"id": "x", "task": "t"}, "properties": {"delivery_info": {}}}
        await told(server.url, "HSET", "unacked", "1", json.dumps([payload, "", "email"]))
        await told(server.url, "ZADD", "unacked_index", 1, "1")
        rights = ["~*", "&*", "+@all"]
        for missing in ("rpush", "hdel", "zrem", "publish", "client", "eval", "hget"):
            await told(
                server.url, "ACL", "SETUSER", "u", "reset", "on", ">pw", *rights, f"-{missing}"
            )
            target = a_target(server.url.replace("redis://", "redis://u:pw@"), system="celery")
            with pytest.raises(ActionFailed, match="permission"):
                await heal(target)
            assert await told(server.url, "HLEN", "unacked") == 1
            assert await told(server.url, "LLEN", "email") == 0


async def test_the_rights_that_are_asked_for_are_enough() -> None:
    async with redis_server() as server:
        payload = {"headers": {"id": "x", "task": "t"}, "properties": {"delivery_info": {}}}
        await told(server.url, "HSET", "unacked", "1", json.dumps([payload, "", "email"]))
        await told(server.url, "ZADD", "unacked_index", 1, "1")
        rights = (
            "resetkeys ~unacked* ~_kombu.* ~*.reply.celery.pidbox ~email* resetchannels &/0.celery.pidbox -@all"
            " +hello +eval +time +hget +hmget +hdel +hlen +llen +rpush +rpop +sadd +srem +smembers +del"
            " +zrangebyscore +zrem +publish +client|list"
        )
        await told(server.url, "ACL", "SETUSER", "u", "reset", "on", ">pw", *rights.split())
        target = a_target(server.url.replace("redis://", "redis://u:pw@"), system="celery")
        assert (await heal(target)).counts["requeued"] == 1


def test_it_is_not_paused() -> None:
    target = a_target("redis://127.0.0.1/0", system="celery")
    assert "stop the workers" in (PauseQueue().objection(target) or "")
