"""`prunella notify test`: does a channel work?"""

from __future__ import annotations

import argparse
from typing import Any

from receiver.cli.api import Api
from receiver.cli.operate import Command
from receiver.cli.show import show

PATIENCE = 300.0  # a channel may take several requests with a timeout each


def add_notify(command: Command, shared: argparse.ArgumentParser) -> None:
    """The word `test`."""
    parser = command("notify", "sends a test message and shows what the service answers")
    words = parser.add_subparsers(dest="what", required=True, metavar="test")
    test = words.add_parser("test", help="to one channel, or to all", parents=[shared])
    test.add_argument("channel", nargs="?")


async def notify(options: argparse.Namespace, api: Api) -> int:
    """1 when a channel did not take it."""
    body: dict[str, object] = {} if options.channel is None else {"channel": options.channel}
    answer = await api.post("/api/v1/notify/test", body, PATIENCE)
    show(options, answer, lambda said: "\n".join(map(_line, said["channels"])))
    return 0 if all(one["ok"] for one in answer["channels"]) else 1


def _line(one: dict[str, Any]) -> str:
    verdict = "sent" if one["ok"] else f"not sent: {one['error']}"
    answers = "".join(f"\n    {answer}" for answer in one["answers"])
    return f"{one['channel']} ({one['kind']}): {verdict}{answers}"
