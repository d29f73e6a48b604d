"""The exporter and its peers, each a process of its own, scraped in turns over a kept connection.

A figure of two programs means something only when both were measured in one run: round by round they take turns, so
that whatever else the machine does falls on both.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import psutil

from benchmarks.server import free_port

READY = 30.0
LONGEST = 60.0  # a peer that hangs is given up then


@dataclass
class Scraped:
    """One that serves metrics, and the processes whose CPU its answers cost (its server's, too, where asked for)."""

    port: int
    process: psutil.Process
    path: str = "/metrics"
    asked: psutil.Process | None = None  # the server that it asks
    patience: float = LONGEST
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def scrape(self, **headers: str) -> bytes:
        """The body. Raises TimeoutError when it does not come for as long as `patience`."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=self.patience
            )
        try:
            self._connection.request("GET", self.path, headers=headers)
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise
        assert answer.status == 200, body[:500]
        return body

    def cpu(self) -> tuple[float, float]:
        """Seconds of its own, and of the server that it asks."""
        return _seconds(self.process), _seconds(self.asked) if self.asked else 0.0

    @property
    def rss(self) -> float:
        """MB in memory now."""
        return float(self.process.memory_info().rss) / 1e6


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one that was scraped, in ms."""

    p50: float
    p99: float
    cpu: float  # a scrape
    asked: float  # CPU a scrape of the server that it asks
    size: int  # of its last answer

    def __str__(self) -> str:
        beside = f", of its server {self.asked:.2f} ms" if self.asked else ""
        return f"p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms, CPU {self.cpu:.2f} ms{beside}, {self.size} bytes"


def in_turns(
    programs: Mapping[str, Scraped], rounds: int = 10, scrapes: int = 20
) -> Mapping[str, Figures]:
    """So many rounds, in each of which every program is scraped so many times. One round before them does not count."""
    took: dict[str, list[float]] = {name: [] for name in programs}
    used = dict.fromkeys(programs, (0.0, 0.0))
    size = dict.fromkeys(programs, 0)
    for number in range(rounds + 1):
        for name, program in programs.items():
            before = program.cpu()
            times = []
            for _ in range(scrapes):
                began = time.perf_counter()
                size[name] = len(program.scrape())
                times.append(1e3 * (time.perf_counter() - began))
            after = program.cpu()
            if number:
                took[name] += times
                used[name] = (used[name][0] + after[0] - before[0], used[name][1] + after[1] - before[1])  # fmt: skip
    every = rounds * scrapes
    return {
        name: Figures(
            p50=median(took[name]),
            p99=quantiles(took[name], n=100)[98],
            cpu=1e3 * used[name][0] / every,
            asked=1e3 * used[name][1] / every,
            size=size[name],
        )
        for name in programs
    }


def _seconds(process: psutil.Process) -> float:
    """CPU of all its threads, those that have ended included."""
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def exporter(
    asked: psutil.Process | None = None, path: str = "/metrics", **config: object
) -> Iterator[Scraped]:
    """Ours with these keys of exporter.yml."""
    with tempfile.TemporaryDirectory() as name:
        port, file = free_port(), Path(name) / "exporter.yml"
        file.write_text(json.dumps({"server": {"listen": f"127.0.0.1:{port}"}, **config}))
        argv = [sys.executable, "-m", "exporter", "--config", str(file), "--log-level", "error"]
        with program(argv, port, path, asked) as running:
            yield running


@contextmanager
def program(
    argv: Sequence[str], port: int, path: str = "/metrics", asked: psutil.Process | None = None,
    **env: str,
) -> Iterator[Scraped]:  # fmt: skip
    """Any that serves metrics on that port of loopback, until the block ends."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": ".", **env}, **quiet)  # type: ignore[call-overload] # the dict is of keywords
    try:
        running = Scraped(port, psutil.Process(process.pid), path, asked)
        _wait(running, process)
        yield running
    finally:
        process.kill()
        process.wait()


def _wait(running: Scraped, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args!r} has ended with {process.returncode}"
        try:
            running.scrape()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"{process.args!r} does not get ready")
