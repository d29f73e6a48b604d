"""A real gunicorn with several workers that share a folder of metrics."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, answers, running, start


@dataclass(frozen=True, slots=True)
class Gunicorn:
    url: str
    process: ServerProcess

    def workers(self) -> list[int]:
        """Their pids."""
        return [child.pid for child in self._master().children()]

    def _master(self) -> psutil.Process:
        found = psutil.Process(self.process.pid)
        while "gunicorn" not in " ".join(found.cmdline()):  # what ties it to us stands before it
            (found,) = found.children()
        return found


@asynccontextmanager
async def gunicorn(
    app: str, tmp_path: Path, *options: str, ready: str = "/metrics"
) -> AsyncIterator[Gunicorn]:
    """`app` as gunicorn names it; PROMETHEUS_MULTIPROC_DIR is `tmp_path/metrics`."""
    metrics = tmp_path / "metrics"
    metrics.mkdir(exist_ok=True)
    port = free_port()
    argv = [
        *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "3"),
        *("--worker-tmp-dir", str(tmp_path), "--no-control-socket", *options, app),
    ]
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    process = start("gunicorn", argv, tmp_path, env=env, cwd=Path(__file__).parents[2])
    url = f"http://127.0.0.1:{port}"
    async with running(process, lambda: answers(url + ready)):
        yield Gunicorn(url, process)
