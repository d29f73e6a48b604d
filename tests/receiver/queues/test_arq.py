"""Real arq: what a killed worker held comes back by itself, and we know when."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.actions.pause_queue import PauseQueue
from receiver.targets import Target
from tests.receiver.queues.broken import a_target, heal, stuck, told
from tests.servers.process import until
from tests.servers.queues import console, worker
from tests.servers.redis import redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run makes a venv


def an_arq(url: str) -> Target:
    return a_target(url, system="arq", queues=["queue"])


async def test_a_killed_workers_job_is_arqs_own_and_it_is_said_when(tmp_path: Path) -> None:
    async with redis_server() as server, console("arq", server.url) as arq:
        job = await arq("enqueue('arq:queue', 600)")
        async with worker("arq", server.url, tmp_path) as process:
            await until(lambda: "→" in process.output(), "it has begun")
            process.kill()
        target = an_arq(server.url)
        done = await heal(target)
        assert "1 in progress, of which arq itself gives back" in done.text
        assert done.counts["stuckJobs"] == 0
        assert await told(server.url, "EXISTS", f"arq:in-progress:{job}") == 1
        await told(server.url, "PEXPIRE", f"arq:in-progress:{job}", 1)  # its time is over
        async with worker("arq", server.url, tmp_path) as process:
            await until(lambda: process.output().count("→") == 2, "it is run once more")
            process.kill()


async def test_a_mark_without_an_end_is_taken_away() -> None:
    async with redis_server() as server, console("arq", server.url) as arq:
        job = await arq("enqueue('arq:queue', 600)")
        await told(server.url, "SET", f"arq:in-progress:{job}", "1")
        target = an_arq(server.url)
        assert await stuck(target, "queue") == 1
        assert (await heal(target)).text == "queue: 1 put back"
        assert await told(server.url, "ZCARD", "arq:queue") == 1
        assert (await heal(target)).text == "queue: nothing was stuck"


async def test_an_empty_queue_is_nothing_to_heal() -> None:
    async with redis_server() as server:
        assert (await heal(an_arq(server.url))).text == "queue: nothing was stuck"


async def test_the_rights_that_are_asked_for_are_enough() -> None:
    async with redis_server() as server:
        await told(server.url, "ZADD", "arq:queue", 1, "j")
        await told(server.url, "SET", "arq:in-progress:j", "1")
        rights = "resetkeys ~arq:* resetchannels -@all +hello +zrange +pttl +exists +del"
        await told(server.url, "ACL", "SETUSER", "u", "reset", "on", ">pw", *rights.split())
        done = await heal(an_arq(server.url.replace("redis://", "redis://u:pw@")))
        assert done.counts["requeued"] == 1


def test_it_is_not_paused() -> None:
    assert "stop its workers" in (PauseQueue().objection(an_arq("redis://127.0.0.1/0")) or "")
