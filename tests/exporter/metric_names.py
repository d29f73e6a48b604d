"""Every name that the exporter can emit, as its code says it: what docs/metrics.md is held against."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.metrics_core import Metric

from exporter.collectors.backups import BackupEntry, Backups
from exporter.collectors.base import World
from exporter.collectors.endpoints import EndpointEntry, Endpoints
from exporter.collectors.host import Host, HostOptions
from exporter.collectors.pgbouncer import PgBouncerEntry, PgBouncers
from exporter.collectors.postgres_server import PostgresEntry, PostgresServers
from exporter.collectors.process_sources.matched import MatchedEntry
from exporter.collectors.processes import Processes
from exporter.collectors.queues import Queues
from exporter.collectors.redis_server import RedisEntry, RedisServers
from exporter.collectors.releases import ReleaseEntry, Releases
from exporter.families import Sheet, UnsuffixedCounter
from exporter.intake.collector import Intake
from exporter.intake.settings import IntakeOptions
from exporter.probing.outcome import Echo, NameServer, Outcome, Serving
from exporter.probing.told import shown
from exporter.proc.kernel import MEMORY
from exporter.queues.bullmq import BullMqEntry
from exporter.scrape import Flight, Scraper
from tests.exporter.proc.tree import machine, write

PRESSURE = "some avg10=0 avg60=0 avg300=0 total=1\nfull avg10=0 avg60=0 avg300=0 total=1\n"


INTAKE = {"id": "1", "key": "0123456789abcdef", "service": "a"}
NOWHERE = "postgresql://127.0.0.1:1/a"


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    type: str


async def emitted(tmp_path: Path) -> set[Name]:
    """The names of every collector's families, also of those that have no series now."""
    found: set[Name] = set()
    deadline = asyncio.get_running_loop().time() + 5
    for collector in _collectors(tmp_path):
        found |= {_named(one) for one in _each((await collector.collect(deadline)).families)}
    probed = Outcome(
        lookup=0.0, echo=Echo(hops_left=1), server=NameServer(serial=1), serving=Serving(0.1)
    )
    found |= {_named(one) for one in shown(probed)}
    flights = {"none": Flight("none", _collectors(tmp_path)[0])}
    return found | {_named(family) for family in await Scraper(flights).scrape(["none"], 5.0)}


def _each(families: Iterable[Metric]) -> Iterator[Metric]:
    for family in families:
        if isinstance(family, Sheet):
            yield from family.families()
        else:
            yield family


def _named(family: Metric) -> Name:
    suffix = "_total" if family.type == "counter" else ""
    kind = "counter" if isinstance(family, UnsuffixedCounter) else family.type
    return Name(family.name + suffix, kind)


def _collectors(tmp_path: Path) -> list[Any]:
    root = machine(tmp_path, meminfo="".join(f"{field}: 1 kB\n" for field in MEMORY))
    write(root, {f"pressure/{what}": PRESSURE for what in ("cpu", "io", "memory")})
    url = "redis://127.0.0.1:1"
    return [
        Backups([BackupEntry(name="a", directory=tmp_path)], World()),
        Host(HostOptions(procfs=root), World()),
        Processes([MatchedEntry(name="a", match="python")], World()),
        Endpoints([EndpointEntry.model_validate({"name": "a", "url": "http://a"})], World()),
        PgBouncers([PgBouncerEntry.model_validate({"name": "a", "url": NOWHERE})], World()),
        PostgresServers([PostgresEntry.model_validate({"name": "a", "url": NOWHERE})], World()),
        Intake(IntakeOptions.model_validate({"projects": [INTAKE]}), World()),
        Queues([BullMqEntry.model_validate({"system": "bullmq", "url": url})], World()),
        Releases([ReleaseEntry.model_validate({"name": "a", "path": tmp_path})], World()),
        RedisServers([RedisEntry.model_validate({"name": "a", "url": url})], World()),
    ]
