"""The machine and its processes: node_exporter and process-exporter beside ours, asked for the same."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

from benchmarks.exporter import Scraped, exporter, in_turns, program
from benchmarks.report import at_most, say
from benchmarks.server import free_port

# What `host` reads, by node_exporter's names for it.
COLLECTORS = (
    "conntrack", "cpu", "diskstats", "filefd", "filesystem", "loadavg", "meminfo", "netdev",
    "netstat", "pressure", "sockstat", "softnet", "stat", "time", "uname", "vmstat",
)  # fmt: skip
CROWD = 100
EVERYTHING = [{"name": "{{.Comm}}", "cmdline": [".+"]}]


def host() -> None:
    """Prints the table."""
    say("host: the same collectors of node_exporter")
    with exporter(host={}) as ours, _node_exporter() as theirs:
        figures = in_turns({"ours": ours, "node_exporter": theirs}, rounds=10, scrapes=30)
        for name, found in figures.items():
            say(f"  {name:14} {found}")
        mine, peer = figures["ours"], figures["node_exporter"]
        at_most("p50 beside node_exporter's", mine.p50 / peer.p50, 0.7, "x")
        at_most("CPU beside node_exporter's", mine.cpu / peer.cpu, 0.7, "x")
        say(f"  in memory: ours {ours.rss:.0f} MB, node_exporter {theirs.rss:.0f} MB")


def processes() -> None:
    """Prints the table."""
    say(f"processes: all of this machine by their command, {CROWD} of them ours")
    entry = {"name": "machine", "match": ".+", "by": "command"}
    with (
        _crowd(),
        exporter(processes=[entry]) as ours,
        _process_exporter() as theirs,
    ):
        figures = in_turns({"ours": ours, "process-exporter": theirs}, rounds=10, scrapes=10)
        for name, found in figures.items():
            say(f"  {name:16} {found}")
        mine, peer = figures["ours"], figures["process-exporter"]
        at_most("p50 beside process-exporter's", mine.p50 / peer.p50, 0.3, "x")
        at_most("CPU beside process-exporter's", mine.cpu / peer.cpu, 0.3, "x")


@contextmanager
def _node_exporter() -> Iterator[Scraped]:
    port = free_port()
    argv = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"]
    only = ["--collector.disable-defaults", *(f"--collector.{name}" for name in COLLECTORS)]
    with program([*argv, *only], port) as running:
        yield running


@contextmanager
def _process_exporter() -> Iterator[Scraped]:
    """Without its costly extras: the threads, and memory by smaps."""
    with tempfile.TemporaryDirectory() as name:
        port, file = free_port(), Path(name) / "config.yml"
        file.write_text(json.dumps({"process_names": EVERYTHING}))
        argv = ["prometheus-process-exporter", "-threads=false", "-gather-smaps=false"]
        where = [f"-config.path={file}", f"-web.listen-address=127.0.0.1:{port}"]
        with program([*argv, *where], port) as running:
            yield running


@contextmanager
def _crowd() -> Iterator[None]:
    with ExitStack() as running:
        for _ in range(CROWD):
            one = Popen(["sleep", "600"], stdin=DEVNULL)
            running.callback(one.wait)
            running.callback(one.kill)
        yield
