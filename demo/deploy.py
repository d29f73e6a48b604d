"""`python -m demo.deploy VERSION`, which is `make deploy VERSION=…`: what a CI job does to the shop of a running stack."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp

from demo.releases.layout import Layout
from demo.releases.ledger import ReceiversLedger, RefusedError
from demo.releases.repository import GitError
from demo.releases.rollout import Rollout, RolloutError, asked, supervised
from demo.releases.versions import VERSIONS, base_of
from demo.stack.places import Places, StackError, recorded

FAILED = (RolloutError, RefusedError, GitError, aiohttp.ClientError, TimeoutError)


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """0 the shop is that version, 1 it is not, 2 no stack or no such version."""
    options = _parser().parse_args(argv)
    try:
        base_of(options.version)
        places = recorded(environ)
    except KeyError:
        sys.stderr.write(
            f"there is no release {options.version}; there are {', '.join(VERSIONS)}\n"
        )
        return 2
    except StackError:
        sys.stderr.write("the stack is not up: run `make up` in another terminal first\n")
        return 2
    try:
        return asyncio.run(_deploy(places, options.version, again=options.again))
    except KeyboardInterrupt:
        return 1
    except FAILED as error:
        sys.stderr.write(f"not deployed: {str(error) or type(error).__name__}\n{_cure(error)}")
        return 1


@asynccontextmanager
async def rollout(places: Places) -> AsyncIterator[Rollout]:
    """Into the stack that runs there."""
    token = (places.secrets / "operate_token").read_text().strip()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        ledger = ReceiversLedger(session, places.url("receiver"), token)
        version = asked(session, places.url("shop"))
        reload = supervised(places.folder / "supervisord.conf")
        yield Rollout(Layout(places.shop), ledger, version, reload)


async def _deploy(places: Places, version: str, *, again: bool) -> int:
    began = time.monotonic()

    def say(stage: str, detail: str) -> None:
        sys.stdout.write(f"{f'+{time.monotonic() - began:.1f}s':>8}  {stage:<8}  {detail}\n")
        sys.stdout.flush()

    async with rollout(places) as one:
        name = await one.name_for(version) if again else version
        return 0 if await one.deploy(name, say) else 1


def _cure(error: Exception) -> str:
    quarantined = isinstance(error, RefusedError) and error.reason == "quarantined"
    return "the same built again has a name of its own: --again\n" if quarantined else ""


def _parser() -> argparse.ArgumentParser:
    listed = "; ".join(f"{one.name} ({one.subject})" for one in VERSIONS.values())
    parser = argparse.ArgumentParser(
        prog="python -m demo.deploy", description=__doc__, epilog=f"Releases: {listed}"
    )
    parser.add_argument("version", metavar="VERSION")
    parser.add_argument(
        "--again",
        action="store_true",
        help="under the name of its next build, if it was deployed before",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
