"""`--watch`: an answer that stays up to date, in place on a terminal; in a pipe whenever it has changed, with --json one line each."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from receiver.cli.api import ApiError
from receiver.cli.show import show

EVERY = 2.0  # seconds
_FROM_THE_TOP = "\033[H\033[2J"

Ask = Callable[[], Awaitable[Any]]


def add_watch(parser: argparse.ArgumentParser) -> None:
    """The option."""
    parser.add_argument(
        "--watch", action="store_true", help="stay, and show what changes, until Ctrl-C"
    )


async def watched(
    options: argparse.Namespace, ask: Ask, people: Callable[[Any], str], every: float = EVERY
) -> None:
    """Shows it once, or until it is interrupted. Raises ApiError if it cannot be had at first."""
    answer = await ask()
    _shown(options, answer, people)
    while options.watch:
        await asyncio.sleep(every)
        try:
            now = await ask()
        except ApiError as error:  # a receiver that is restarted comes back
            print(f"prunella: {error}", file=sys.stderr, flush=True)
            continue
        if now != answer:
            answer = now
            _shown(options, answer, people)


def _shown(options: argparse.Namespace, answer: Any, people: Callable[[Any], str]) -> None:
    if options.watch and options.json:
        print(json.dumps(answer), flush=True)
        return
    if options.watch and sys.stdout.isatty():
        print(end=_FROM_THE_TOP)
    show(options, answer, people)
    sys.stdout.flush()
