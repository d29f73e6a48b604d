"""The command line that every service has: read the config, say all that is wrong with it, or run.

Exit codes: 0 it did what was asked, 1 it failed while running, 2 the command line or the config is wrong.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import uvloop
from prometheus_client import disable_created_metrics

from prunella import logs
from prunella.service.lifecycle import LAST_RESORT, run
from prunella.service.reload import Live
from prunella.service.settings import ConfigError
from prunella.service.web import Service
from prunella.version import version

S = TypeVar("S")
_ENOUGH_FILES = 65536


@dataclass(frozen=True, slots=True)
class Program(Generic[S]):
    """A service as its `__main__` names it.

    `read` gives the settings of a file (or of none) and raises ConfigError. `start` builds the parts, yields what is to
    be served, and takes the parts down; it may name what a reload does with `live.on_reload`. `last_resort` seconds after
    a signal to stop, the process ends in any case.
    """

    name: str
    read: Callable[[Path | None, Mapping[str, str]], S]
    start: Callable[[Live[S]], AbstractAsyncContextManager[Service]]
    last_resort: float = LAST_RESORT


def main(program: Program[S], arguments: Sequence[str] | None = None) -> int:
    """Runs the program and returns its exit code."""
    options = _parser(program.name).parse_args(arguments)
    logs.configure(options.log_level)
    logging.captureWarnings(capture=True)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nothing of ours reads
    try:
        if options.check_config:
            program.read(options.config, os.environ)
            return 0
        live = Live(lambda: program.read(options.config, os.environ))
        _allow_many_connections()
        started = program.start(live)
        uvloop.run(run(program.name, started, live.reload, program.last_resort))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML; without it the defaults")
    parser.add_argument(
        "--check-config",
        action="store_true",
        help="only read the config: 0 if it is good, else 2 and every mistake as `path: message`",
    )
    parser.add_argument("--log-level", type=str.lower, choices=logs.LEVELS, default="info")
    parser.add_argument("--version", action="version", version=f"{name} {version()}")
    return parser


def _allow_many_connections() -> None:
    """A flood of half-open connections must not use up the file descriptors that real work needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
