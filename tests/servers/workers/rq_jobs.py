"""RQ's side: `queue("email").enqueue(work, 60).id`."""

from __future__ import annotations

import os
import time

import rq
from redis import Redis

connection = Redis.from_url(os.environ["QUEUE_URL"])


def queue(name: str) -> rq.Queue:
    return rq.Queue(name, connection=connection)


def work(seconds: float = 0, fail: bool = False) -> None:
    time.sleep(seconds)
    if fail:
        raise RuntimeError("told to fail")
