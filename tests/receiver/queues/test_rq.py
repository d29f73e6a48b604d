"""Real RQ: its own worker killed in the middle of a job, its own command line to clean up after it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from receiver.actions.base import ActionFailed
from receiver.actions.heal_stuck_jobs import HealStuckJobs
from receiver.actions.pause_queue import PauseQueue
from receiver.outside.programs import SystemPrograms
from receiver.targets import Target
from receiver.tools import Finished, Tools
from tests.receiver.queues.broken import a_target, heal, pause, stuck, told
from tests.receiver.stand_ins import StandInPrograms, a_toolbox
from tests.servers.process import until
from tests.servers.queues import INSTALLED, Console, console, worker
from tests.servers.redis import RedisServer, redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run makes a venv


def tools() -> Tools:
    return replace(
        a_toolbox(executables={"rq": str(INSTALLED / "bin" / "rq")}), programs=SystemPrograms()
    )


@dataclass(frozen=True)
class Crashed:
    """A queue whose worker was killed with one job in its hands, and whose lease on that has run out."""

    server: RedisServer
    rq: Console
    job: str

    def target(self, **options: Any) -> Target:
        return a_target(self.server.url, system="rq", **options)

    async def status(self) -> str:
        return str(
            await self.rq(f"queue('email').fetch_job({self.job!r}).get_status(refresh=True).value")
        )


async def age(url: str, seconds: int) -> None:
    """As if so much time had passed since the last heartbeat."""
    for member in await told(url, "ZRANGE", "rq:wip:email", 0, -1):
        job = member.decode().partition(":")[0]
        beat = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() - seconds))
        await told(url, "ZADD", "rq:wip:email", time.time() - seconds + 90, member)
        await told(url, "HSET", f"rq:job:{job}", "last_heartbeat", beat)


@asynccontextmanager
async def crashed(folder: Path, enqueue: str = "enqueue(work, 600)") -> AsyncIterator[Crashed]:
    async with redis_server() as server, console("rq", server.url) as rq:
        job = await rq(f"queue('email').{enqueue}.id")
        async with worker("rq", server.url, folder, "email") as process:

            async def taken() -> bool:
                return bool(await told(server.url, "HGET", f"rq:job:{job}", "status") == b"started")

            await until(taken, "the job is taken")
            process.kill()
        await age(server.url, 600)
        yield Crashed(server, rq, job)


async def test_without_retries_it_has_failed_as_rq_says(tmp_path: Path) -> None:
    async with crashed(tmp_path) as one:
        assert await stuck(one.target()) == 1
        done = await heal(one.target(), tools=tools())
        assert done.text == "email: 1 failed by the queue's own limit"
        assert await one.status() == "failed"
        assert await one.rq("queue('email').failed_job_registry.count") == 1
        assert (await heal(one.target(), tools=tools())).text == "email: nothing was stuck"


async def test_with_retries_left_it_waits_again_and_is_run_once_more(tmp_path: Path) -> None:
    async with crashed(tmp_path, "enqueue(work, 600, retry=rq.Retry(max=2))") as one:
        assert (await heal(one.target(), tools=tools())).text == "email: 1 put back"
        assert await one.status() == "queued"
        assert await one.rq("queue('email').count") == 1
        assert await one.rq(f"queue('email').fetch_job({one.job!r}).retries_left") == 1


@asynccontextmanager
async def abandoned(silent: int) -> AsyncIterator[Target]:
    """As a crash leaves it, written by hand."""
    async with redis_server() as server:
        await told(server.url, "ZADD", "rq:wip:email", 1, "j1:e1")
        await told(server.url, "HSET", "rq:job:j1", "status", "started", "origin", "email")
        await age(server.url, silent)
        yield a_target(server.url, system="rq")


async def test_while_its_lease_runs_it_is_nobodys_business() -> None:
    programs = StandInPrograms()
    async with abandoned(silent=30) as target:
        done = await heal(target, tools=a_toolbox(programs=programs))
    assert (done.text, programs.ran) == ("email: nothing was stuck", [])


async def test_stuck_after_may_be_longer_than_rqs_own_lease() -> None:
    programs = StandInPrograms()
    async with abandoned(silent=120) as target:
        await heal(target, tools=a_toolbox(programs=programs), stuck_after="5m")
        assert programs.ran == []
        await heal(target, tools=a_toolbox(programs=programs), stuck_after="1m")
        assert len(programs.ran) == 1


async def test_the_address_is_on_no_command_line() -> None:
    programs = StandInPrograms()
    async with abandoned(silent=600) as target:
        done = await heal(target, tools=a_toolbox(programs=programs))
        assert target.queue is not None
    (ran,) = programs.ran
    assert ran.argv == ("rq", "info", "--raw", "--only-queues", "--", "email")
    assert ran.env["RQ_REDIS_URL"].startswith("redis://127.0.0.1:")
    assert done.counts["left"] == 1  # this `rq` did nothing


async def test_what_rq_says_when_it_fails_is_said() -> None:
    programs = StandInPrograms(Finished(3, "Traceback\nno module named app\n"))
    async with abandoned(silent=600) as target:
        with pytest.raises(ActionFailed, match="ended with 3: no module named app"):
            await heal(target, tools=a_toolbox(programs=programs))


async def test_all_workers_are_suspended_only_where_the_config_says_so(tmp_path: Path) -> None:
    async with redis_server() as server, console("rq", server.url) as rq:
        refused = a_target(server.url, system="rq")
        assert "suspend_all" in (PauseQueue().objection(refused) or "")
        target = a_target(server.url, system="rq", suspend_all=True)
        assert PauseQueue().objection(target) is None
        assert (await pause(target)).text == "paused email"
        assert await rq("rq.suspension.is_suspended(connection)") == 1
        assert (await pause(target, resume=True)).text == "resumed email"
        assert await rq("rq.suspension.is_suspended(connection)") == 0


def test_its_program_is_looked_for_when_the_config_is_read() -> None:
    target = a_target("redis://127.0.0.1/0", system="rq")
    assert HealStuckJobs().executables(target) == ("rq",)


@pytest.mark.parametrize("name", ["em ail", "email*", "a:b", "-x\n", ""])
def test_a_name_that_could_mean_more_than_one_queue_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        a_target("redis://127.0.0.1/0", system="rq", queues=[name])
