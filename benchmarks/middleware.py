"""What seeing a request costs: CPU of the server for each one, ours beside what people use today, in alternating rounds.

Every server is a process of its own, asked by wrk over eight connections with a correlation id; its CPU time is the
kernel's. Overhead is what it has more than the same app without any middleware, in the same run.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.middleware_alone import measured
from benchmarks.middleware_apps import APPS
from benchmarks.report import at_least, at_most, say
from benchmarks.server import free_port

ROUNDS, SECONDS = 7, 1
PEERS = (
    ("starlette", "starlette_exporter", 8.0),
    ("fastapi", "instrumentator", 8.0),
    ("aiohttp", "plain prometheus_client", 2.0),
)
_DONE = re.compile(r"^\s+(\d+) requests in", re.MULTILINE)


@dataclass
class Server:
    """One app in a process."""

    pid: int
    port: int
    took: list[float] = field(default_factory=list)  # microseconds of CPU for a request, by round

    def cpu(self) -> float:
        """Seconds, of all threads."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def load(self, seconds: int) -> None:
        """One round."""
        before = self.cpu()
        argv = ["wrk", "-t1", "-c8", f"-d{seconds}s", "-H", "X-Correlation-ID: 0123456789abcdef"]
        done = subprocess.run(
            [*argv, f"http://127.0.0.1:{self.port}/orders/7"], capture_output=True, text=True, check=True
        )  # fmt: skip
        found = _DONE.search(done.stdout)
        assert found is not None, done.stdout
        assert "Non-2xx" not in done.stdout, done.stdout
        self.took.append((self.cpu() - before) / int(found[1]) * 1e6)

    @property
    def each(self) -> float:
        """The best of its rounds: others on the machine disturb in one direction only."""
        return min(self.took)


@contextmanager
def _serving(name: str) -> Iterator[Server]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.middleware_apps", name, str(port)]
    )
    try:
        _wait(port)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int) -> None:
    argv = ["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/orders/7"]
    for _ in range(200):
        if subprocess.run(argv, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing answers on port {port}")


def main() -> None:
    """Prints the tables."""
    alone = measured()
    say(
        "middleware: a request's time in it, without a socket, less what the clocks at its edges take"
    )
    for name in alone:
        say(f"  {name:34} {_over(alone, name):6.1f} us")
    for framework, other, goal in PEERS:
        ours, theirs = _over(alone, f"{framework}+prunella"), _over(alone, f"{framework}+{other}")
        at_most(f"{framework}: ours, with correlation id", ours, 10.0, "us")
        at_least(f"{framework}: {other} costs", theirs / max(ours, 0.1), goal, "x")
    served()


def served() -> None:
    """The same behind uvicorn and aiohttp's server, under wrk."""
    say(
        f"  the same behind a server under wrk, the best of {ROUNDS} rounds of {SECONDS} s each in turns"
    )
    with ExitStack() as parts:
        servers = {name: parts.enter_context(_serving(name)) for name in APPS}
        for server in servers.values():
            server.load(1)
            server.took.clear()
        for _ in range(ROUNDS):
            for server in servers.values():
                server.load(SECONDS)
    best = {name: server.each for name, server in servers.items()}
    for name, server in servers.items():
        rounds = " ".join(f"{took:.1f}" for took in server.took)
        say(
            f"  {name:34} {best[name]:6.1f} us   over bare {_over(best, name):6.1f} us   ({rounds})"
        )


def _over(each: Mapping[str, float], name: str) -> float:
    return each[name] - each[name.split("+", maxsplit=1)[0]]
