"""RQ: what becomes of a dead worker's job is decided by RQ itself, by its own command line, in its own version.

Ending a job there means its retries, its failure callbacks, its dependents, results and rate limits, which differ from
release to release and live partly in the application's own code. `rq info QUEUE` runs exactly that clean-up, which a
worker would run when it starts and every ten minutes. We only look whether there is something to clean up, and after it
what became of each job.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from receiver.queues.base import Healed, QueueLook, QueueSystem
from receiver.queues.redis_link import RedisUrl, ask, asking, redis_link
from receiver.stores.base import StoreError
from receiver.stores.redis_store import Client
from receiver.tools import Finished, OutsideError, Tools

_CURE = "give it ~rq:* +hello +time +zrangebyscore +zcard +hget +hmget +llen +exists +set +del"
_PATIENCE = 60.0
_SUSPENDED = "rq:suspended"


class Rq(QueueSystem):
    """Queues of RQ 1.16 or newer in the Redis of `url`, cleaned up by `rq info`; name that program under
    `executables: {rq: /srv/app/venv/bin/rq}`, best a wrapper that can import the application's jobs.

    A job counts as abandoned when RQ's own lease on it has run out (90 s after the worker's last heartbeat by default)
    and its last heartbeat is older than `stuck_after`; RQ then deals with all whose lease has run out: it retries those
    that have retries left and fails the others. RQ can only suspend all workers of a Redis at once: `suspend_all: true`
    permits `pause_queue` to do that. A Redis user for our look: `ACL SETUSER prunella on >PASSWORD resetkeys ~rq:*
    resetchannels -@all +hello +time +zrangebyscore +zcard +hget +hmget +llen +exists`, with `+set +del` for pausing;
    `rq info` uses the same url and writes to the jobs, so that it needs what a worker needs: `+@all ~rq:*` will do.
    """

    executable: ClassVar[str | None] = "rq"

    url: RedisUrl
    suspend_all: bool = False

    @property
    def never_pauses(self) -> str | None:
        if self.suspend_all:
            return None
        return "RQ suspends all workers of a Redis at once: say `suspend_all: true` in its queue facet if that is meant"

    async def look(self, tools: Tools, queue: str, stuck_after: float) -> QueueLook:
        async with redis_link(self.url, _CURE) as client:
            with asking(_CURE):
                waiting = await ask(client, "LLEN", f"rq:queue:{queue}")
                active = await ask(client, "ZCARD", f"rq:wip:{queue}")
                paused = await ask(client, "EXISTS", _SUSPENDED)
                stuck = await self._stuck(client, queue, stuck_after)
        return QueueLook(waiting, active, len(stuck), bool(paused))

    async def heal(self, tools: Tools, queue: str, stuck_after: float, healed: Healed) -> None:
        async with redis_link(self.url, _CURE) as client:
            with asking(_CURE):
                stuck = await self._stuck(client, queue, stuck_after)
        if not stuck:
            return
        tools.require_lease()
        ended = await self._clean(tools, queue)
        async with redis_link(self.url, _CURE) as client:
            with asking(_CURE):
                for job in stuck:
                    _count(healed, await ask(client, "HGET", f"rq:job:{job}", "status"))
        if ended.exit_code != 0:
            raise StoreError(f"`rq info` ended with {ended.exit_code}: {_tail(ended.output)}")

    async def pause(self, tools: Tools, queue: str) -> bool:
        async with redis_link(self.url, _CURE) as client:
            tools.require_lease()
            return bool(await ask(client, "SET", _SUSPENDED, "1", "NX"))

    async def resume(self, tools: Tools, queue: str) -> bool:
        async with redis_link(self.url, _CURE) as client:
            tools.require_lease()
            return bool(await ask(client, "DEL", _SUSPENDED))

    async def _stuck(self, client: Client, queue: str, stuck_after: float) -> list[str]:
        """The jobs whose lease is over and whose worker has been silent for so long."""
        seconds, _ = await client.time()
        expired = await ask(client, "ZRANGEBYSCORE", f"rq:wip:{queue}", "0", str(seconds))
        # `<job>:<execution>`, and the job alone before RQ 2
        jobs = list(dict.fromkeys(member.partition(":")[0] for member in expired))
        return [job for job in jobs if await _is_abandoned(client, job, seconds - stuck_after)]

    async def _clean(self, tools: Tools, queue: str) -> Finished:
        program = tools.executables.get("rq", "rq")
        # the address in the environment: everybody may read a command line
        env: Mapping[str, str] = {"RQ_REDIS_URL": self.url.get_secret_value(), "LANG": "C.UTF-8"}
        try:
            return await tools.programs.run(
                [program, "info", "--raw", "--only-queues", "--", queue], timeout=_PATIENCE, env=env
            )
        except OutsideError as error:
            raise StoreError(str(error), started=error.sent, unknown=error.sent) from error


async def _is_abandoned(client: Client, job: str, before: float) -> bool:
    status, beat = await ask(client, "HMGET", f"rq:job:{job}", "status", "last_heartbeat")
    if status is None:
        return True  # it is gone, and only its entry is left
    return status == "started" and (not beat or datetime.fromisoformat(beat).timestamp() < before)


def _count(healed: Healed, status: str | None) -> None:
    match status:
        case "queued" | "scheduled" | "deferred" | "ready":
            healed.requeued += 1
        case "failed":
            healed.failed += 1
        case None:
            healed.dropped += 1
        case "started":
            healed.left += 1
            healed.why_left = "another worker cleans up just now, or has begun it again"
        case _:
            pass  # it came to its end meanwhile


def _tail(output: str) -> str:
    return output.strip().rpartition("\n")[2][-200:]
