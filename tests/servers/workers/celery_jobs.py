"""A Celery app with priorities: `work.apply_async((60,), queue="email", priority=3)`."""

from __future__ import annotations

import os
import time

from celery import Celery

app = Celery(broker=os.environ["QUEUE_URL"])
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,  # what a killed worker had begun is in `unacked`, and comes back
    worker_prefetch_multiplier=1,
    worker_enable_remote_control="DEAF" not in os.environ,
    broker_transport_options={"queue_order_strategy": "priority", "visibility_timeout": 3600},
)


@app.task(name="work")
def work(seconds: float = 0, fail: bool = False) -> None:
    time.sleep(seconds)
    if fail:
        raise RuntimeError("told to fail")
