"""procrastinate's side, on PostgreSQL: `prepare()`, then `later("email", seconds=60)`."""

from __future__ import annotations

import os
import time

import procrastinate

connector = procrastinate.PsycopgConnector(conninfo=os.environ["QUEUE_URL"])
app = procrastinate.App(connector=connector)


@app.task(name="work")
def work(seconds: float = 0, fail: bool = False) -> None:
    time.sleep(seconds)
    if fail:
        raise RuntimeError("told to fail")


async def prepare() -> None:
    await app.open_async()
    await app.schema_manager.apply_schema_async()


async def later(
    queue: str, seconds: float = 0, fail: bool = False, schedule_in: int | None = None
) -> int:
    wait = {"seconds": schedule_in} if schedule_in else None
    task = work.configure(queue=queue, schedule_in=wait)
    return await task.defer_async(seconds=seconds, fail=fail)
