"""`prunella backup …`: asks the receiver, or, with its config at hand, does it itself when there is no receiver any more.

A restore is always done here: it is for the worst moment, needs a human who has read the plan, and its address may hold
a password that has no place in a journal.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from receiver.backups.base import BackupError
from receiver.cli import backups_here as here
from receiver.cli.api import Api, ApiError, UsageError
from receiver.cli.operate import Command
from receiver.cli.show import show
from receiver.cli.watch import add_watch, watched

MAKES = {
    "full": "all kinds that the target has something for",
    "database": "a dump, for pg_restore",
    "export": "the configured tables as JSON lines",
    "config": "the configuration, without its secrets",
    "redis": "a copy of the Redis",
}
LOOK = 1.0
OVER = {"RESOLVED", "ESCALATED", "EXPIRED", "CANCELLED", "SUPPRESSED", "CLOSED"}


def add_backups(command: Command, shared: argparse.ArgumentParser) -> None:
    """All of its words."""
    parser = command("backup", "make, list, prove, restore and let go of backups")
    words = parser.add_subparsers(
        dest="what",
        required=True,
        metavar="full|database|export|config|redis|list|verify|drill|restore|cleanup",
    )
    local = argparse.ArgumentParser(add_help=False)
    local.add_argument("--config", help="receiver.yml: do it here, without a receiver")

    def word(name: str, about: str) -> argparse.ArgumentParser:
        return words.add_parser(name, help=about, parents=[shared, local])

    for name, about in MAKES.items():
        word(name, about).add_argument("target")
    listed = word("list", "what there is, and what became of the last runs")
    listed.add_argument("target", nargs="?")
    listed.add_argument("--away", action="store_true", help="in the buckets as well")
    add_watch(listed)
    verify = word("verify", "restore one into a scratch database, and count")
    verify.add_argument("target")
    verify.add_argument("file", nargs="?", help="default: the last one of the database")
    verify.add_argument("--quick", action="store_true", help="its sum only; proves no restore")
    drill = word("drill", "the same with the last one: what the weekly schedule does")
    drill.add_argument("target")
    drill.add_argument("--away", action="store_true", help="with the copy in the bucket")
    word("cleanup", "let go of what is old enough").add_argument("target")
    _add_restore(word("restore", "bring a database back; shows the plan first"))


def _add_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target")
    parser.add_argument("file", nargs="?", help="default: the last one of the database")
    parser.add_argument("--to", metavar="URL", help="another server or database")
    parser.add_argument("--to-file", metavar="FILE", help="the same, read from a file")
    parser.add_argument("--replace", action="store_true", help="also when it is not empty")
    parser.add_argument(
        "--no-owner", action="store_true", help="everything belongs to the role in the URL"
    )
    parser.add_argument(
        "--identity", metavar="FILE", help="age identity, for one that is encrypted"
    )
    parser.add_argument("--plan", action="store_true", help="show what would be done, and stop")
    parser.add_argument("--yes", action="store_true", help="do not ask")


async def backup(options: argparse.Namespace, api: Api) -> int:
    """0 done, 1 not."""
    try:
        if options.what == "restore":
            return await here.restored(options)
        if options.what == "list" and options.watch and options.config is not None:
            raise UsageError("--watch asks a receiver: leave --config away")
        if options.config is not None:
            return await here.done(options)
        if options.what == "list":
            return await _list(options, api)
        return await _asked(options, api)
    except BackupError as error:
        raise ApiError(str(error)) from error


async def _list(options: argparse.Namespace, api: Api) -> int:
    asked = {"target": options.target} if options.target is not None else {}
    query = urlencode({**asked, "away": "1"} if options.away else asked)
    path = f"/api/v1/backups?{query}" if query else "/api/v1/backups"
    await watched(options, lambda: api.get(path), here.table)
    return 0


async def _asked(options: argparse.Namespace, api: Api) -> int:
    """By an incident of its own, which is followed to its end."""
    action, given = here.action_of(options)
    body = {"target": options.target, "action": action, "options": given}
    number = (await api.post("/api/v1/repairs", body))["incident"]
    told = 0
    while True:
        incident = await api.get(f"/api/v1/incidents/{number}")
        for event in incident["timeline"][told:]:
            _tell(options, event)
        told = len(incident["timeline"])
        ended = [one for one in incident["timeline"] if one["ev"] == "outcome"]
        if ended or incident["state"] in OVER:
            return _ended(options, number, incident, ended)
        await asyncio.sleep(LOOK)


def _ended(
    options: argparse.Namespace, number: int, incident: Mapping[str, Any], ended: list[Any]
) -> int:
    last = (
        ended[-1] if ended else {"result": incident["state"].lower(), "detail": incident["reason"]}
    )
    answer = {"incident": number, "result": last["result"], "text": last.get("detail", "")}
    answer["counts"] = last.get("counts", {})
    show(options, answer, lambda said: f"{said['result']}: {said['text']} (incident {number})")
    return 0 if last["result"] == "ok" else 1


def _tell(options: argparse.Namespace, event: Mapping[str, Any]) -> None:
    if options.json:
        return
    if event["ev"] == "progress":
        here.say(str(event["said"]))
    elif event["ev"] == "refused":
        here.say(f"waits: {event['reason']}")
