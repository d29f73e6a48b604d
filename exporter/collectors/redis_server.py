"""Redis servers under redis_exporter's names: a PING, and one round trip for all the rest.

A server that hangs (its sockets open, nobody at home) is down as soon as the scrape's time is nearly over. What it was
asked stays under way, on its one connection; the next scrape waits for the same answer before it asks anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.metrics_core import Metric
from pydantic import Field

from exporter.cache_health import Ping
from exporter.collectors.base import Collected, Kind, World, ahead_of, entries
from exporter.collectors.redis_fields import DATABASES, LABELS, SETTINGS
from exporter.collectors.redis_info import Answers, said, sheet
from exporter.collectors.redis_lines import RedisSource
from exporter.kept import NoAnswerError
from exporter.lines import RoundTrips
from exporter.resp.link import RedisUrl, kept
from exporter.resp.replies import RefusedError, Reply, command
from exporter.resp.wire import Wire
from prunella.service.settings import Settings

PING = "prunella_redis_ping_seconds"
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
ASKED = command("PING")
QUESTIONS: Mapping[str, bytes] = {
    "info": command("INFO", "all"),
    "slow": command("SLOWLOG", "LEN"),
    "slowest": command("SLOWLOG", "GET", "1"),
    "spikes": command("LATENCY", "LATEST"),
    **{name: command("CONFIG", "GET", name) for name in (DATABASES, *SETTINGS)},
}
OF_A_CLUSTER: Mapping[str, bytes] = {"cluster": command("CLUSTER", "INFO")}


class RedisEntry(Settings):
    name: str = Field(min_length=1, max_length=200)
    url: RedisUrl
    service: str = ""


class Server:
    """One entry and its connection, which lives from scrape to scrape; a second one is for health, also during a scrape."""

    def __init__(self, entry: RedisEntry, service: str) -> None:
        self.labels = entry.name, entry.service or service
        self._kept, self._pinged = (kept(entry.url.get_secret_value()) for _ in range(2))
        self.round_trips = RoundTrips(PING, BUCKETS)
        self.source = RedisSource(tuple(zip(LABELS, self.labels, strict=True)))
        self._questions = dict(QUESTIONS)

    async def look(self, until: float) -> tuple[Answers | None, str]:
        """What it says, or None and why not."""
        try:
            return await self._kept.ask(self._answers, until), ""
        except NoAnswerError as error:
            # what comes back may be another server, or one with other rights
            self._questions = dict(QUESTIONS)
            return None, f"{self.labels[0]}: {error}"

    async def _answers(self, wire: Wire) -> Answers:
        seconds, _ = await _timed(wire)
        self.round_trips.observe(seconds)
        answers = await _asked(wire, self._questions)
        if isinstance(answers["info"], RefusedError):
            raise answers["info"]
        refused = {name for name, answer in answers.items() if isinstance(answer, RefusedError)}
        for name in refused:
            del self._questions[name]  # each time it would be an entry of the ACL log
        if b"redis_mode:cluster" in _bytes(answers["info"]) and not OF_A_CLUSTER.keys() & answers:
            self._questions.update(OF_A_CLUSTER)
            answers |= await _asked(wire, OF_A_CLUSTER)
        return answers

    async def ping(self, until: float) -> Ping:
        """How long it takes to say one word; one that is loading, or has lost its master, says another."""
        try:
            seconds, (said,) = await self._pinged.ask(_timed, until)
        except NoAnswerError:
            return Ping(self.labels[0], None)
        serves = not isinstance(said, RefusedError) or str(said).startswith("NOPERM")
        return Ping(self.labels[0], seconds if serves else None)

    async def close(self) -> None:
        await self._kept.close()
        await self._pinged.close()


async def _timed(wire: Wire) -> tuple[float, list[Reply]]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    said = await wire.ask(ASKED, 1)
    return loop.time() - began, said


async def _asked(wire: Wire, questions: Mapping[str, bytes]) -> dict[str, Reply]:
    replies = await wire.ask(b"".join(questions.values()), len(questions))
    return dict(zip(questions, replies, strict=True))


def _bytes(reply: Reply) -> bytes:
    return reply if isinstance(reply, bytes) else b""


class RedisServers:
    def __init__(self, options: Sequence[RedisEntry], world: World) -> None:
        self._servers = [Server(entry, world.service) for entry in options]

    async def start(self) -> None: ...

    async def stop(self) -> None:
        for server in self._servers:
            await server.close()

    async def pings(self, until: float) -> Sequence[Ping]:
        """How each server is at this moment."""
        return await asyncio.gather(*(server.ping(until) for server in self._servers))

    async def collect(self, deadline: float) -> Collected:
        until = ahead_of(deadline)
        answers = await asyncio.gather(*(server.look(until) for server in self._servers))
        seen = [(s.source, info) for s, (info, _) in zip(self._servers, answers, strict=True)]
        lines = said(seen)
        for server in self._servers:
            server.round_trips.write(server.source, lines)
        problems = tuple(problem for _, problem in answers if problem)
        return Collected((sheet(lines),), problems)

    def down(self) -> Iterable[Metric]:
        return [sheet(said((server.source, None) for server in self._servers))]


REDIS: Kind[Sequence[RedisEntry]] = Kind(entries(RedisEntry), RedisServers)
