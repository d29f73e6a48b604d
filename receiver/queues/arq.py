"""arq: it gives the jobs of dead workers back by itself, and from outside nobody can do that earlier and be sure.

A job that runs stays in the queue's sorted set, behind a key that names no worker and ends 10 s after the job's timeout.
Its end is arq's whole rule; a key that is taken away earlier could be a living worker's.
"""

from __future__ import annotations

from receiver.queues.base import Healed, QueueLook, QueueSystem
from receiver.queues.redis_link import RedisUrl, ask, asking, redis_link
from receiver.stores.redis_store import Client
from receiver.tools import Tools

_CURE = "give it ~arq:* +hello +zrange +pttl +exists +del"
_MOST = 10_000  # jobs that are asked about: those that are due first are those that run


class Arq(QueueSystem):
    """Queues of arq in the Redis of `url`; `queues` are its `queue_name`s without the leading `arq:` (`queue`).

    `heal_stuck_jobs` says how many jobs are in progress and when arq lets go of the last at the latest: `job_timeout`
    plus 10 s after it began. It only removes a mark that has no end, which arq never writes itself but a restore can
    leave, and the job waits for ever then. `pause_queue` is not known to arq. A Redis user: `ACL SETUSER prunella on
    >PASSWORD resetkeys ~arq:* resetchannels -@all +hello +zrange +pttl +exists +del`.
    """

    url: RedisUrl

    @property
    def never_pauses(self) -> str | None:
        return "arq knows no pause: stop its workers instead"

    async def look(self, tools: Tools, queue: str, stuck_after: float) -> QueueLook:
        async with redis_link(self.url, _CURE) as client:
            with asking(_CURE):
                jobs, running, endless = await self._marks(client, queue)
        return QueueLook(jobs - len(running), len(running), len(endless))

    async def heal(self, tools: Tools, queue: str, stuck_after: float, healed: Healed) -> None:
        async with redis_link(self.url, _CURE) as client:
            with asking(_CURE):
                _, running, endless = await self._marks(client, queue)
            for mark in endless:
                tools.require_lease()
                healed.requeued += await ask(client, "DEL", mark)
        others = [milliseconds for mark, milliseconds in running.items() if mark not in endless]
        if others:
            seconds = max(others) / 1000
            healed.why_left = (
                f"{len(others)} in progress, of which arq itself gives back those of dead workers,"
                f" the last in {seconds:.0f} s at the latest"
            )

    async def _marks(self, client: Client, queue: str) -> tuple[int, dict[str, int], list[str]]:
        """How many jobs there are, the marks of those in progress with what is left of them, and those without end."""
        jobs = await ask(client, "ZRANGE", f"arq:{queue}", 0, _MOST - 1)
        marks = [f"arq:in-progress:{job}" for job in jobs]
        async with client.pipeline(transaction=False) as pipe:
            for mark in marks:
                pipe.pttl(mark)
            left = await pipe.execute()
        running = {mark: ms for mark, ms in zip(marks, left, strict=True) if ms != -2}
        return len(jobs), running, [mark for mark, ms in running.items() if ms == -1]
