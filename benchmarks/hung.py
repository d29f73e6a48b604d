"""Every collector on, against real servers: what it holds in memory, and how long an answer takes while one of them hangs.

Beside it the exporters that would be asked in its place, with the same header. They are given 25 s each.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.exporter import Scraped, exporter, program
from benchmarks.loop import run
from benchmarks.report import at_most, say
from benchmarks.server import free_port
from tests.servers.everything import Dependency, World, everything

HEADER = {"X-Prometheus-Scrape-Timeout-Seconds": "3"}
PATIENCE = 25.0
SCRAPES = 300  # before memory is read
ROUNDS = 3  # of every dependency


def main() -> None:
    """Prints the table."""
    run(_all())


async def _all() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with everything(Path(folder)) as world:
            await asyncio.to_thread(_measure, world)


def _measure(world: World) -> None:
    say(
        f"hung: all {len(world.config) - 1} collectors on; every server in turn stands still, the scrape has 3 s"
    )
    with exporter(**world.config) as ours, ExitStack() as others:
        _complete(ours)
        for _ in range(SCRAPES):
            ours.scrape()
        at_most(f"in memory after {SCRAPES} scrapes", ours.rss, 60, "MB")
        peers = {
            name: others.enter_context(program(argv, port, "/metrics", None, **env))
            for name, (argv, port, env) in _peers(world).items()
        }
        for name, dependency in world.dependencies.items():
            _hang(name, dependency, ours, peers.get(name))


def _complete(ours: Scraped) -> None:
    """Once everything has been found and probed."""
    deadline = time.monotonic() + 20
    while b"_success{" not in (page := ours.scrape()) or _incomplete(page):
        assert time.monotonic() < deadline, _incomplete(page)
        time.sleep(0.1)


def _incomplete(page: bytes) -> list[str]:
    """The collectors that could not read everything."""
    lines = [
        line
        for line in page.decode().splitlines()
        if line.startswith("prunella_scrape_collector_success")
    ]
    return sorted(line.split('"')[1] for line in lines if float(line.split()[-1]) == 0)


def _hang(name: str, dependency: Dependency, ours: Scraped, peer: Scraped | None) -> None:
    longest = 0.0
    for _ in range(ROUNDS):
        dependency.server.hang()
        try:
            began = time.perf_counter()
            page = ours.scrape(**HEADER)
            longest = max(longest, time.perf_counter() - began)
        finally:
            dependency.server.wake()
        missed = set(_incomplete(page)) ^ dependency.collectors
        assert not missed, f"{name}: {missed}"
        _complete(ours)
    at_most(f"{name} hangs: the longest of {ROUNDS}", longest, 2.7, "s")
    if peer is not None:
        say(f"    its exporter in Debian: {_patiently(dependency, peer)}")
        _complete(ours)


def _patiently(dependency: Dependency, peer: Scraped) -> str:
    peer.patience = PATIENCE
    peer.scrape()
    dependency.server.hang()
    began = time.perf_counter()
    try:
        peer.scrape(**HEADER)
    except OSError:
        return f"no answer within {PATIENCE:g} s"
    finally:
        dependency.server.wake()
    return f"{time.perf_counter() - began:.1f} s"


def _peers(world: World) -> Mapping[str, tuple[list[str], int, dict[str, str]]]:
    """By the server that hangs: program, port, environment."""
    redis, postgres = free_port(), free_port()
    cache, main = world.config["redis"][0]["url"], world.config["postgres"][0]["url"]
    return {
        "redis": (
            ["prometheus-redis-exporter", "-redis.addr", cache.removesuffix("/0"), "-web.listen-address", f"127.0.0.1:{redis}"],
            redis,
            {},
        ),
        "postgres": (
            ["prometheus-postgres-exporter", f"--web.listen-address=127.0.0.1:{postgres}"],
            postgres,
            {"DATA_SOURCE_NAME": f"{main}?sslmode=disable"},
        ),
    }  # fmt: skip
