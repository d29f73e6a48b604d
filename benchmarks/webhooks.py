"""Webhooks acknowledged durably, against the route of the same server that takes the same body and stores nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load import Result, load, post

SECONDS = 5.0
CONNECTIONS = 16


def delivery(number: int, alerts: int) -> bytes:
    """A delivery of alerts that nobody has seen before, about 670 bytes each, as Alertmanager writes them."""
    elements = [
        {
            "status": "firing",
            "labels": {
                "alertname": "HighErrorRate",
                "service": f"shop-{number}",
                "instance": f"10.0.0.{index}:9652",
                "severity": "warning",
            },
            "annotations": {"summary": "5.2% of requests fail", "description": "x" * 200},
            "startsAt": "2026-01-01T00:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=x",
            "fingerprint": f"{number:08x}{index:08x}",
        }
        for index in range(alerts)
    ]
    return json.dumps({"version": "4", "status": "firing", "alerts": elements}).encode()


@contextmanager
def receiver(folder: Path) -> Iterator[int]:
    """A receiver of its own, in shadow mode; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    config = folder / "receiver.yml"
    config.write_text(f"server: {{listen: 127.0.0.1:{port}}}\njournal: sqlite:journal.db\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "receiver", "--config", str(config), "--log-level", "error"]
    )
    try:
        wait_until_ready(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(port: int) -> None:
    """Waits at most ten seconds."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready") as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def measure(alerts: int) -> tuple[Result, Result]:
    """The durable route, and the one that stores nothing."""
    with tempfile.TemporaryDirectory() as folder, receiver(Path(folder)) as port:

        def run(path: str) -> Result:
            return asyncio.run(
                load(
                    port,
                    lambda number: post(path, delivery(number, alerts)),
                    connections=CONNECTIONS,
                    seconds=SECONDS,
                )
            )

        return run("/alerts"), run("/watchdog")


def main() -> None:
    """Prints the table."""
    print(f"{CONNECTIONS} connections, {SECONDS:g} s each, fsync on, every alert new")
    for alerts in (1, 10):
        durable, nothing = measure(alerts)
        print(f"{alerts:3} alerts  durable 202    {durable}")
        print(f"{alerts:3} alerts  stores nothing {nothing}")
        print(f"{alerts:3} alerts  ratio          {durable.per_second / nothing.per_second:8.2f}x")


if __name__ == "__main__":
    main()
