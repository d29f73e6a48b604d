"""A probe, by ours and by blackbox_exporter: the same target, the same module, in turns; and one that hangs.

`/probe` is asked over one connection that is kept, as Prometheus does. Beside it what the background does: the same
probe without a page, many at once.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import uvloop

from benchmarks.exporter import Scraped, exporter, in_turns, program
from benchmarks.report import at_most, say
from benchmarks.server import free_port
from exporter.probing.allowed import Gate
from exporter.probing.http import Order, probe_http
from tests.prunella.service.certificates import self_signed

ROUNDS, EACH, AT_ONCE = 6, 300, 100
PEER = "prometheus-blackbox-exporter"
HEADER = {"X-Prometheus-Scrape-Timeout-Seconds": "3"}


def main() -> None:
    """Prints the table."""
    if shutil.which(PEER) is None:
        say(f"probe: there is no {PEER}: apt-get install {PEER}")
        return
    say(f"probe: {ROUNDS} rounds of {EACH} probes for each of the two, in turns")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = self_signed(folder, "shop")
        plain = stack.enter_context(_target())
        secure = stack.enter_context(_target(made.certificate, made.key))
        modules = _modules(made.certificate)
        shop = {"name": "shop", "url": f"http://127.0.0.1:{plain.port}/", "every": "1s"}
        ours = stack.enter_context(exporter(endpoints=[shop], modules=modules))
        theirs = stack.enter_context(_peer(folder, modules))
        for what, module, target in (
            ("http", "page", f"http://127.0.0.1:{plain.port}/"),
            ("https", "secure", f"https://127.0.0.1:{secure.port}/"),
            ("tcp", "connect", f"127.0.0.1:{plain.port}"),
        ):
            _compare(what, ours, theirs, _path(module, target))
        _in_the_background(plain.port)
        _hung(stack, ours)


@dataclass(frozen=True, slots=True)
class Target:
    """What is probed."""

    port: int
    process: psutil.Process


@contextmanager
def _target(*files: Path) -> Iterator[Target]:
    argv = [sys.executable, "-m", "benchmarks.answering", *map(str, files)]
    running = subprocess.Popen(argv, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert running.stdout is not None
        yield Target(int(running.stdout.readline()), psutil.Process(running.pid))
    finally:
        running.kill()
        running.communicate()


def _modules(authority: Path) -> Mapping[str, Any]:
    ip4 = {"preferred_ip_protocol": "ip4"}
    tls = {"enable_http2": False, "tls_config": {"ca_file": str(authority)}}
    return {
        "page": {"prober": "http", "http": ip4},
        "secure": {"prober": "http", "http": {**ip4, **tls}},
        "connect": {"prober": "tcp", "tcp": ip4},
    }


@contextmanager
def _peer(folder: Path, modules: Mapping[str, Any]) -> Iterator[Scraped]:
    port, config = free_port(), folder / "blackbox.yml"
    config.write_text(json.dumps({"modules": modules}))
    argv = [PEER, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    with program(argv, port) as running:
        yield running


def _path(module: str, target: str) -> str:
    return f"/probe?module={module}&target={quote(target, safe='')}"


def _compare(what: str, ours: Scraped, theirs: Scraped, path: str) -> None:
    both = {"ours": ours, PEER: theirs}
    for one in both.values():
        one.path = path
        assert b"\nprobe_success 1" in one.scrape()
    found = in_turns(both, ROUNDS, EACH)
    for name, figures in found.items():
        say(f"  {what}, {name}: {figures}")
    mine, peer = found["ours"], found[PEER]
    at_most(f"{what}: p50 against blackbox_exporter", mine.p50 / peer.p50, 0.8, "x")
    at_most(f"{what}: CPU against blackbox_exporter", mine.cpu / peer.cpu, 0.8, "x")


def _in_the_background(port: int) -> None:
    """Without a page."""
    order = Order(f"http://127.0.0.1:{port}/", Gate(local=True, open=True), timeout=10.0)
    count = 2000

    async def some() -> None:
        for _ in range(count // AT_ONCE):
            assert (await probe_http(order)).success

    async def all_of_them() -> tuple[float, float]:
        await some()
        began, spent = time.perf_counter(), time.process_time()
        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        return time.perf_counter() - began, time.process_time() - spent

    wall, cpu = (1e3 * seconds / count for seconds in uvloop.run(all_of_them()))
    say(f"  in the background, {AT_ONCE} at once: {wall:.2f} ms and {cpu:.2f} ms of CPU a probe")


def _hung(stack: ExitStack, ours: Scraped) -> None:
    """A server that takes connections and says nothing, as one that SIGSTOP holds."""
    stopped = stack.enter_context(_target())
    stopped.process.suspend()
    for what, path in (
        ("all of /metrics", "/metrics"),
        ("its own /probe", _path("page", f"http://127.0.0.1:{stopped.port}/")),
    ):
        ours.path = path
        began = time.perf_counter()
        page = ours.scrape(**HEADER)
        at_most(f"a hung target: {what}", time.perf_counter() - began, 2.7, "s")
        assert (
            b"\nprobe_success 0" if "probe?" in path else b'probe_success{endpoint="shop"'
        ) in page
