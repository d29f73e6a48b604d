"""An app as gunicorn runs it: every kind of metric, counted in whichever worker got the request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import prometheus_client

from prunella import Counter, Gauge, Histogram, timer
from prunella.middleware.wsgi import PrunellaMiddleware

ORDERS = Counter("orders", "Orders.", ["state"])
SIZES = Histogram("order_size", "Sizes.", ["state"], buckets=(1, 5))
WORKERS = Gauge("workers", "Workers that have served.", multiprocess_mode="livesum")
THEIRS = prometheus_client.Counter("theirs", "Of another library.")


def serve(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
    environ["prunella.route"] = "/orders"
    with timer("db", "store_order"):
        ORDERS.labels("paid").inc()
        SIZES.labels(state="paid").observe(3)
        THEIRS.inc(2)
        WORKERS.set(1)
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


app = PrunellaMiddleware(serve, metrics_path="/metrics")
