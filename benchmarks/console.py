"""The console over a journal with 100,000 incidents, all of them open: every page, and the searches that find nothing."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.loop import run
from benchmarks.report import at_most, say
from prunella.service.clock import SystemClock
from receiver.decide.incident import Incident, State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import NEVER, Journal, Move, Reception, Seen
from receiver.journal.engines import open_engine
from tests.receiver.builders import a_draft, an_alert
from tests.receiver.web.serving import Client, serving
from tests.servers.postgres import postgres_server

INCIDENTS = int(os.environ.get("BENCH_INCIDENTS", "100000"))
IN_ONE, TIMES = 500, 7
PAGES = (
    *("/", "/incidents", "/incidents?playbook=errors", "/incidents?state=RESOLVED"),
    *("/incidents?text=nobody", "/incidents?target=nobody", "/incidents?severity=info"),
    *("/incidents?before=50", "/incidents/1000", "/playbooks", "/playbooks/errors", "/targets"),
    *("/releases", "/backups", "/journal", "/journal?before=1000"),
)


def main() -> None:
    """Prints the table."""
    say(
        f"console: {INCIDENTS:,} incidents, p50 of {TIMES} of each page, server and client in one process"
    )
    with tempfile.TemporaryDirectory() as folder, _journal() as url:
        run(_measure(Path(folder), url))


@contextmanager
def _journal() -> Iterator[str]:
    """SQLite, or with BENCH_JOURNAL=postgres a PostgreSQL of its own."""
    if os.environ.get("BENCH_JOURNAL", "sqlite") != "postgres":
        yield "sqlite:journal.db"
        return
    with postgres_server(fsync=True) as server:
        yield server.url(server.database())


async def _measure(folder: Path, url: str) -> None:
    journal, _ = await open_engine(url, folder, SystemClock())
    await _fill(journal)
    await journal.close()
    async with serving(folder, journal=url, channels={}) as client:
        for path in PAGES:
            await _look(client, path)


async def _fill(journal: Journal) -> None:
    """As a storm that nobody ends: each with a title of its own, two playbooks, three targets."""
    now = time.time()
    for start in range(0, INCIDENTS, IN_ONE):
        batch = [_seen(number, now) for number in range(start, start + IN_ONE)]
        await journal.ingest(batch, now, Reception(opens=lambda one: _escalated(one, now)))


def _seen(number: int, now: float) -> Seen:
    book, target = ("errors", "memory")[number % 2], ("shop", "cache", "jobs")[number % 3]
    draft = a_draft(f"key-{number}", playbook=book, targets=(target,), severity="warning")
    titled = changed(draft, title=f"{number} of 9,999 requests to {target} fail with a 5xx")
    return Seen(an_alert(f"f{number}", starts_at=now - 60), titled)


def _escalated(incident: Incident, now: float) -> Move:
    gating = incident.moved(State.GATING, Reason.FIRING, now)
    return Move(gating.moved(State.ESCALATED, Reason.STORM, now), due=NEVER)


async def _look(client: Client, path: str) -> None:
    took, size = [], 0
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = await client.ask("GET", path)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, answer.text
        size = len(answer.text.encode())
    at_most(path, median(took), 200, "ms")
    at_most(f"{path}, bytes", size / 1024, 100, "KiB")
