"""`python -m demo.shop`: one process of the shop."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from demo.shop.app import create_app
from demo.shop.backing import backing
from demo.shop.faults import Kind
from demo.shop.release import read
from prunella import logs, watch_runtime
from prunella.service.units import ListenAddress, parse_listen


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 2 for an address that will not do, 70 for a release that cannot start, else when told to stop."""
    options = _parser().parse_args(argv)
    address: ListenAddress = options.listen
    if not (address.loopback or options.anyone_may_break_it):
        sys.stderr.write(
            f"{address} can be reached from other machines, and whoever reaches the shop can break it: "
            "listen on 127.0.0.1, or say --anyone-may-break-it\n"
        )
        return 2
    logs.configure(options.log_level)
    release = read()
    if release.flaw.kind is Kind.CRASH:
        sys.stderr.write(f"shop {release.version} cannot start: a module is missing\n")
        return 70
    watch_runtime()
    app = create_app(backing(options.redis, options.database), release)
    try:
        web.run_app(app, host=address.host or None, port=address.port, print=None, access_log=None,
                    shutdown_timeout=1)  # fmt: skip
    except OSError as error:
        sys.stderr.write(f"cannot listen on {address}: {error.strerror}; choose another --listen\n")
        return 2
    return 0


def _database(file: str) -> str | None:
    """The URL holds a password, so that it is in a file; without the file there is no database."""
    path = Path(file)
    return path.read_text().strip() if path.exists() else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo.shop", description=__doc__)
    parser.add_argument("--listen", type=parse_listen, default="127.0.0.1:9652", metavar="ADDRESS")
    parser.add_argument("--anyone-may-break-it", action="store_true")
    parser.add_argument("--redis", metavar="URL", help="cache, rate limits and letters")
    parser.add_argument("--database", type=_database, metavar="FILE", help="with PostgreSQL's URL")
    parser.add_argument("--log-level", choices=logs.LEVELS, default="info")
    return parser


if __name__ == "__main__":
    sys.exit(main())
