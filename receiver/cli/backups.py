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
from receiver.cli.show import show
from receiver.cli.watch import watched

LOOK = 1.0
OVER = {"RESOLVED", "ESCALATED", "EXPIRED"}


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
