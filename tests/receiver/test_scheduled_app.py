"""A schedule in the whole receiver: begun by its own task, and ended by the pipeline."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.receiver.web.serving import serving
from tests.servers.ports import free_port
from tests.servers.process import until


@pytest.mark.timeout(120)
async def test_what_was_missed_a_moment_ago_is_done_at_the_start(tmp_path: Path) -> None:
    app, port, asked = web.Application(), free_port(), list[str]()

    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        return web.Response()

    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    targets = {"shop": {"http": {"base_url": f"http://127.0.0.1:{port}"}}}
    schedule = {"name": "tidy", "cron": "* * * * *", "action": "call", "on": ["shop"]}
    schedules = [{**schedule, "options": {"path": "/tidy"}}]
    changes = {"targets": targets, "playbooks": [], "schedules": schedules}
    try:
        await a_moment_was_missed(tmp_path, **changes)
        async with serving(tmp_path, **changes) as client:

            async def closed() -> bool:
                shown = (await client.ask("GET", "/api/v1/incidents?state=RESOLVED")).json
                return bool(shown["incidents"])

            await until(closed, "it was done", deadline=60)
    finally:
        await runner.cleanup()
    assert asked[0] == "POST /tidy"
    assert asked.count("POST /tidy") <= 2  # a minute may have begun meanwhile


async def a_moment_was_missed(folder: Path, **changes: Any) -> None:
    """A receiver that looked at its schedule, and has not been there for fifty minutes."""
    async with serving(folder, **changes) as client:

        async def looked() -> bool:
            shown = await client.ask("GET", "/metrics")
            return "prunella_schedule_next_run_timestamp_seconds{" in shown.text

        await until(looked, "the schedule was looked at")
    with closing(sqlite3.connect(folder / "journal.db")) as db, db:
        value = json.dumps([time.time() - 3000.0, 0.0])
        db.execute("UPDATE meta SET value = ? WHERE key LIKE 'schedule:%'", (value,))
