"""All that the exporter can watch at once, each a real server that can be made to hang: `async with everything(folder) as world`.

`world.config` is the exporter.yml for it. A dependency that hangs keeps its sockets open and answers nobody.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.servers.bullmq import bullmq
from tests.servers.pgbouncer import pgbouncer
from tests.servers.ports import free_port
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.process import answers, running, start
from tests.servers.receiver import OPERATE_TOKEN, receiver
from tests.servers.redis import redis_server
from tests.servers.supervisor import supervisord

TABLE = """
CREATE SCHEMA app; CREATE TABLE app.jobs (kind text, status text, run_at timestamptz, changed timestamptz);
INSERT INTO app.jobs VALUES ('letters', 'new', now(), now()); GRANT USAGE ON SCHEMA app TO prunella;
GRANT SELECT ON app.jobs TO prunella; GRANT pg_monitor TO prunella
"""
INTAKE = {"projects": [{"id": "1", "key": "0123456789abcdef0123456789abcdef", "service": "shop"}]}
COLUMNS = {"queue": "kind", "state": "status", "ready": "run_at", "since": "changed"}


class Hangs(Protocol):
    def hang(self) -> None: ...

    def wake(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stopped:
    """Any process, by its id."""

    pid: int

    def hang(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Dependency:
    """`collectors` cannot be complete while it hangs; what is looked at in the background has none."""

    server: Hangs
    collectors: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class World:
    config: Mapping[str, Any]
    dependencies: Mapping[str, Dependency]


@asynccontextmanager
async def everything(folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as servers:
        found: dict[str, Dependency] = {}
        config: dict[str, Any] = {"host": {}, "labels": {"service": "all"}, "intake": INTAKE}
        for part in (_redis, _postgres, _processes, _endpoint, _receiver, _backups):
            keys, more = await part(servers, folder)
            found |= more
            config |= {key: [*config.get(key, []), *entries] for key, entries in keys.items()}
        try:
            yield World(config, found)
        finally:
            for one in found.values():
                one.server.wake()  # a stopped process hears no TERM


Part = tuple[Mapping[str, list[Any]], Mapping[str, Dependency]]


async def _redis(servers: AsyncExitStack, _: Path) -> Part:
    """A cache, and another one with jobs of BullMQ and of Celery."""
    cache = await servers.enter_async_context(redis_server())
    jobs = await servers.enter_async_context(redis_server())
    async with bullmq(jobs.url) as producer:
        for name in ("email", "video"):
            await producer.call(name, "addBulk", [{"name": "j", "data": {}} for _ in range(3)])
    keys: dict[str, list[Any]] = {
        "redis": [{"name": "cache", "url": cache.url}],
        "queues": [
            {"system": "bullmq", "url": jobs.url},
            {"system": "celery", "url": jobs.url, "queues": ["celery"]},
        ],
    }
    return keys, {
        "redis": Dependency(cache, frozenset({"redis"})),
        "redis with queues": Dependency(jobs, frozenset({"queues"})),
    }


async def _postgres(servers: AsyncExitStack, _: Path) -> Part:
    """With a table of jobs, and a pgbouncer in front of it."""
    server: PostgresServer = servers.enter_context(postgres_server())
    database = server.database()
    server.sql(TABLE, database)
    url = server.url(database)
    shop = f"shop = host=127.0.0.1 port={server.port} dbname={database}"
    pool = await servers.enter_async_context(pgbouncer(shop))
    table = {"table": "app.jobs", "columns": COLUMNS, "states": {"waiting": ["new"]}}
    keys: dict[str, list[Any]] = {
        "postgres": [{"name": "main", "url": url}],
        "queues": [{"system": "postgres", "url": url, **table}],
        "pgbouncer": [{"name": "pool", "url": pool.url}],
    }
    return keys, {
        "postgres": Dependency(server, frozenset({"postgres", "queues"})),
        "pgbouncer": Dependency(pool, frozenset({"pgbouncer"})),
    }


async def _processes(servers: AsyncExitStack, folder: Path) -> Part:
    """Of a supervisor, and some that are matched."""
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    manager = await servers.enter_async_context(supervisord(folder, {"sleeper": sleeper}))
    entries = [
        {"name": "sleeper", "manager": "supervisor", "url": manager.url},
        {"name": "redis", "match": "redis-server"},
    ]
    hung = Dependency(Stopped(manager.pid), frozenset({"processes"}))
    return {"processes": entries}, {"supervisor": hung}


async def _endpoint(servers: AsyncExitStack, folder: Path) -> Part:
    port = free_port()
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    site = start("site", argv, folder, cwd=folder)
    url = f"http://127.0.0.1:{port}/"
    await servers.enter_async_context(running(site, lambda: answers(url)))
    entry = {"name": "site", "url": url, "every": "1s", "timeout": "1s"}
    return {"endpoints": [entry]}, {"endpoint": Dependency(Stopped(site.pid))}


async def _receiver(servers: AsyncExitStack, folder: Path) -> Part:
    """With one release that serves."""
    targets = {"targets": {"api": {"matchers": ['service="api"']}}}
    server = await servers.enter_async_context(receiver(folder / "receiver", targets))
    await server.post(
        "/api/v1/releases", {"target": "api", "version": "v1", "state": "finished"}, OPERATE_TOKEN
    )
    entry = {"name": "ledger", "url": server.url, "token": OPERATE_TOKEN, "every": "1s"}
    return {"releases": [entry]}, {"receiver": Dependency(Stopped(server.process.pid))}


async def _backups(_: AsyncExitStack, folder: Path) -> Part:
    (folder / "backups").mkdir()
    (folder / "backups" / "shop.dump").write_bytes(b"whole")
    return {"backups": [{"name": "nightly", "directory": str(folder / "backups")}]}, {}
