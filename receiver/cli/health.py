"""`prunella health`: is what was just deployed well? Exit 1 unless everything that is asked says `healthy`, so that a deploy stops there.

Asks the receiver and the exporter, or whatever is named: the health route of an app (the kit's `/health` speaks of itself the same way). An
answer that names no status counts by its HTTP status.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any

import aiohttp

from prunella.service.problems import ConfigError
from prunella.service.units import parse_duration
from receiver.cli.operate import Command
from receiver.cli.show import show
from receiver.cli.where import DEFAULT as RECEIVER
from receiver.cli.where import address, in_environment, named_receiver

EXPORTER = "http://127.0.0.1:9650"
PATIENCE = 5.0  # seconds for one answer
BETWEEN = 1.0  # seconds
LARGEST = 1 << 20


def add_health(command: Command) -> None:
    """`health [--wait 1m] [ADDRESS ...]`."""
    parser = command("health", "exit 1 unless healthy: a gate for deploys")
    parser.add_argument(
        "addresses",
        nargs="*",
        metavar="ADDRESS",
        help="health routes to ask; if none is named, the receiver's (--url) and the exporter's (PRUNELLA_EXPORTER_URL), or that of the one that is said",
    )
    parser.add_argument(
        "--wait",
        type=_duration,
        default=0.0,
        metavar="DURATION",
        help="how long it may take to become healthy: 1m",
    )


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def health(options: argparse.Namespace) -> int:
    """0 for healthy, 1 for anything else."""
    try:
        said = [address("ADDRESS", one) for one in options.addresses]
        addresses = said or _ours(options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    answers = asyncio.run(_within(addresses, options.wait))
    show(options, {"healthy": _all_well(answers), "answers": answers}, _lines)
    return 0 if _all_well(answers) else 1


def _ours(options: argparse.Namespace) -> list[str]:
    """Who is said is asked; both where nobody is."""
    receiver, exporter = named_receiver(options), in_environment("PRUNELLA_EXPORTER_URL")
    if not (receiver or exporter):
        receiver, exporter = RECEIVER, EXPORTER
    return [
        *([f"{receiver}/api/monitoring/health"] if receiver else []),
        *([f"{exporter}/api/health"] if exporter else []),
    ]


async def _within(addresses: list[str], seconds: float) -> list[dict[str, Any]]:
    """Asks until all are well or the time is up."""
    end = time.monotonic() + seconds
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            answers = await asyncio.gather(*(_ask(session, address) for address in addresses))
            if _all_well(answers) or time.monotonic() + BETWEEN > end:
                return answers
            await asyncio.sleep(BETWEEN)


async def _ask(session: aiohttp.ClientSession, address: str) -> dict[str, Any]:
    try:
        async with session.get(address, allow_redirects=False) as answer:
            body = await answer.content.read(LARGEST)
            said = _status(body) or ("healthy" if answer.ok else "unhealthy")
            return {"address": address, "status": said, "why": f"answered {answer.status}"}
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        why = str(error) or f"no answer within {PATIENCE:g} s"
        return {"address": address, "status": "unreachable", "why": why}


def _status(body: bytes) -> str | None:
    """What it says of itself; `up` and `ok` are words for healthy."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    said = document.get("status") if isinstance(document, dict) else None
    if not isinstance(said, str):
        return None
    return "healthy" if said.lower() in {"up", "ok", "healthy"} else said.lower()


def _all_well(answers: list[dict[str, Any]]) -> bool:
    return all(answer["status"] == "healthy" for answer in answers)


def _lines(said: dict[str, Any]) -> str:
    return "\n".join(
        f"{one['status']:12} {one['address']} ({one['why']})" for one in said["answers"]
    )
