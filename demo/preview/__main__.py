"""`python -m demo.preview`: Slack's place in the local stack, until it is told to stop."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from demo.preview.server import Preview
from demo.preview.slack import Slack, Workspace

NAME = "#shop-alerts"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 2 when it cannot listen or has no secrets, 0 when told to stop."""
    options = _parser().parse_args(argv)
    try:
        token, key = _secret(options.token_file), _secret(options.signing_secret_file)
        url = f"http://127.0.0.1:{options.port}"
        slack = Slack(Workspace(token, key, name=NAME, reader="you"), time.time, url)
        web.run_app(Preview(slack, options.receiver).app(), host="127.0.0.1", port=options.port,
                    print=None, access_log=None, shutdown_timeout=1)  # fmt: skip
    except OSError as error:
        sys.stderr.write(f"the preview cannot run: {error}\n")
        return 2
    return 0


def _secret(file: Path) -> str:
    return file.read_text().strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo.preview", description=__doc__)
    parser.add_argument("--port", type=int, default=9655)
    parser.add_argument("--receiver", default="http://127.0.0.1:9651", metavar="URL")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--signing-secret-file", type=Path, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
