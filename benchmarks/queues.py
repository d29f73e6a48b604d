"""Twenty real BullMQ queues in 30,000 keys, beside redis_exporter's `-check-keys`; and Celery's lengths beside what celery-exporter asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

from benchmarks.exporter import Figures, exporter, in_turns, program
from benchmarks.loop import run
from benchmarks.report import at_least, at_most, say
from benchmarks.server import free_port
from tests.servers.bullmq import bullmq
from tests.servers.queues import console, worker
from tests.servers.redis import RedisServer, redis_server

QUEUES, JOBS = 20, 1500
PARTS = "wait", "active", "delayed", "failed"  # of each queue, as patterns for the peer
CELERY = "celery", "mail", "video", "reports"
ASKED = 5  # times that Celery's own questions are asked: each takes a second, always
OPTIONS: tuple[Mapping[str, int], ...] = ({}, {}, {}, {"priority": 3}, {"delay": 600_000})
# What celery-exporter asks at each scrape; of the queue's length it then reads the list of the first priority alone.
INSPECT = (
    "app.control.inspect().stats()",
    "app.control.inspect().active_queues()",
)
LENGTHS = f"[app.connection().default_channel.client.llen(q) for q in {CELERY}]"


def main() -> None:
    """Prints the table."""
    say(
        f"queues: {QUEUES} BullMQ queues in {QUEUES * JOBS:,} jobs, scraped in turns with redis_exporter"
    )
    _bullmq(run(_of_bullmq()))
    say(
        f"queues: {len(CELERY)} Celery queues of four priorities, beside what celery-exporter asks at each scrape"
    )
    _celery(*run(_of_celery()))


def _bullmq(seen: Mapping[str, Figures]) -> None:
    ours, both, peer = seen["ours"], seen["ours, with INFO"], seen["redis_exporter -check-keys"]
    for name, figures in seen.items():
        say(f"  {name:28} {figures}")
    at_least("BullMQ: faster than redis_exporter", peer.p50 / ours.p50, 8, "x")
    at_least("  the same with all of INFO from ours, too", peer.p50 / both.p50, 8, "x")
    at_most("  CPU of the exporter, of the peer's", ours.cpu / peer.cpu, 1, "x")
    at_least("  less CPU of Redis", peer.asked / max(ours.asked, 0.01), 50, "x")


def _celery(ours: Figures, peer: float) -> None:
    say(f"  ours {ours}")
    say(f"  two `inspect`s and an LLEN a queue: {1000 * peer:,.0f} ms")
    at_least("Celery: faster than celery-exporter's asking", 1000 * peer / ours.p50, 200, "x")


async def _of_bullmq() -> Mapping[str, Figures]:
    async with redis_server() as server:
        async with bullmq(server.url) as jobs:
            for number in range(QUEUES):
                many = [
                    {"name": "j", "data": {"n": n}, "opts": OPTIONS[n % len(OPTIONS)]}
                    for n in range(JOBS)
                ]
                await jobs.call(f"queue{number}", "addBulk", many)
        return await asyncio.to_thread(_beside_redis_exporter, server)


def _beside_redis_exporter(server: RedisServer) -> Mapping[str, Figures]:
    asked, port = psutil.Process(server.pid), free_port()
    queues = [{"system": "bullmq", "url": server.url}]
    peer = [
        "prometheus-redis-exporter", "-redis.addr", server.url.removesuffix("/0"),
        "-web.listen-address", f"127.0.0.1:{port}", "-check-keys-batch-size", "5000",
        "-check-keys", ",".join(f"bull:*:{part}" for part in PARTS),
    ]  # fmt: skip
    main = [{"name": "main", "url": server.url}]
    with (
        exporter(asked, queues=queues) as ours,
        exporter(asked, queues=queues, redis=main) as both,
        program(peer, port, asked=asked) as theirs,
    ):
        sizes = [line for line in theirs.scrape().splitlines() if line.startswith(b"redis_key_size")]  # fmt: skip
        assert len(sizes) >= QUEUES, "the peer sees the queues"
        known = [line for line in ours.scrape().splitlines() if line.startswith(b"prunella_queue_jobs{")]  # fmt: skip
        assert len(known) == 7 * QUEUES
        return in_turns(
            {"ours": ours, "ours, with INFO": both, "redis_exporter -check-keys": theirs}
        )


async def _of_celery() -> tuple[Figures, float]:
    async with _at_work() as (server, peer):
        queues = [{"system": "celery", "url": server.url}]
        asked = psutil.Process(server.pid)
        return await asyncio.to_thread(_ours, queues, asked), peer


def _ours(queues: object, asked: psutil.Process) -> Figures:
    with exporter(asked, queues=queues) as ours:
        waiting = [
            line
            for line in ours.scrape().splitlines()
            if line.startswith(b"prunella_queue_jobs{") and b'state="waiting"' in line
        ]
        assert sum(float(line.split()[-1]) for line in waiting) == 4 * 25 * len(CELERY)
        return in_turns({"ours": ours})["ours"]


@asynccontextmanager
async def _at_work() -> AsyncIterator[tuple[RedisServer, float]]:
    """A broker with a worker of its own queue, and how long the peer's questions take there, in seconds."""
    with TemporaryDirectory() as folder:
        async with redis_server() as server, console("celery", server.url) as app:
            for queue in CELERY:
                for priority in (0, 3, 6, 9):
                    send = f"work.apply_async((), queue={queue!r}, priority={priority}).id"
                    await app(f"[{send} for _ in range(25)]")
            async with worker("celery", server.url, Path(folder), "-Q", "idle"):
                took = []
                for _ in range(ASKED):
                    began = time.perf_counter()
                    for question in (*INSPECT, LENGTHS):
                        await app(question)
                    took.append(time.perf_counter() - began)
                yield server, median(took)
