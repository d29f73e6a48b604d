"""`prunella maintenance`, `prunella repair` and `prunella heal`: what an operator announces, and what he asks for."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from receiver.cli.api import Api, UsageError
from receiver.cli.parser import numbered
from receiver.cli.show import show, show_begun
from receiver.cli.tables import table

HEALS = ("sessions", "jobs", "orphans", "all")
HEAL_PATIENCE = 150.0  # the receiver waits for two minutes
Command = Callable[[str, str], argparse.ArgumentParser]


def add_maintenance(command: Command, shared: argparse.ArgumentParser) -> None:
    """The words `start`, `end` and `list`."""
    parser = command("maintenance", "announced work, during which nothing that matches is repaired")
    words = parser.add_subparsers(dest="what", required=True, metavar="start|end|list")
    start = words.add_parser("start", help="announces it; ends by itself", parents=[shared])
    start.add_argument(
        "--matcher", action="append", required=True, help="as in Alertmanager; all must hold"
    )
    start.add_argument("--duration", required=True, help="30m, 2h, …")
    start.add_argument(
        "--at",
        type=_moment,
        help="when it begins, as 2026-12-06T02:00 by this machine's clock, or with a zone, as 2026-12-06T02:00Z; without it now",
    )
    start.add_argument("--reason", required=True, help="for those who wonder")
    end = words.add_parser("end", help="ends one before its time", parents=[shared])
    end.add_argument("id", type=numbered("a window", "prunella maintenance list"))
    words.add_parser("list", help="those that are open or to come", parents=[shared])


def _moment(text: str) -> str:
    """RFC 3339, whatever zone was meant."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-12-06T02:00") from None


async def maintenance(options: argparse.Namespace, api: Api) -> int:
    """Runs one of the three words."""
    path = "/api/v1/maintenance"
    match options.what:
        case "start":
            body = {"matchers": options.matcher, "duration": options.duration}
            when = {} if options.at is None else {"starts_at": options.at}
            answer = await api.post(path, {**body, **when, "reason": options.reason})
            show(options, answer, _announced)
        case "end":
            answer = await api.delete(f"{path}/{options.id}")
            show(
                options,
                answer,
                lambda said: f"maintenance {said['id']} ended by {said['ended_by']}",
            )
        case _:
            show(options, await api.get(path), _windows)
    return 0


def add_repair(command: Command) -> None:
    """`repair TARGET ACTION [-- key=value …]`."""
    parser = command("repair", "one action on one target, under the same guards, proven and told")
    parser.add_argument("target")
    parser.add_argument("action")
    parser.epilog = (
        "Options of the action: -- key=value … or -- --key value …; values are JSON, or text."
    )


def behind_dashes(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is ours and what is the action's. By hand, because argparse loses the dashes once an option came before."""
    ours = list(argv)
    if "--" not in ours:
        return ours, []
    at = ours.index("--")
    return ours[:at], ours[at + 1 :]


async def repair(options: argparse.Namespace, api: Api) -> int:
    """Asks for it; what became of it is in the incident."""
    body = {"target": options.target, "action": options.action}
    answer = await api.post("/api/v1/repairs", {**body, "options": _wanted(options.behind)})
    show_begun(options, answer)
    return 0


def add_heal(command: Command) -> None:
    """`heal [sessions|jobs|orphans|all] [--target NAME …]`."""
    parser = command("heal", "clears what is stale, stuck or orphaned, and says how much it was")
    parser.add_argument("kind", nargs="?", default="all", choices=HEALS, metavar="|".join(HEALS))
    parser.add_argument(
        "--target", action="append", help="only on this one; without it on all that have it"
    )


async def heal(options: argparse.Namespace, api: Api) -> int:
    """Asks for it and waits; 1 when some of it still waits."""
    only = {} if options.target is None else {"targets": options.target}
    body = {"kind": options.kind, **only}
    answer = await api.post("/api/admin/heal", body, HEAL_PATIENCE)
    show(options, answer, _healed)
    return 1 if answer["waiting"] else 0


def _healed(said: dict[str, Any]) -> str:
    done = (
        f"{said['staleSessions']} stale sessions, {said['stuckJobs']} stuck jobs and "
        f"{said['orphanedRecords']} orphaned records healed in {said['duration'] / 1000:.1f} s"
    )
    waits = [
        f"still to come: {one['target']} ({one['reason']}), `prunella incidents {one['incident']}`"
        for one in said["waiting"]
    ]
    return "\n".join([done, *waits])


def _wanted(words: Sequence[str]) -> dict[str, Any]:
    """Of `key=value`, `--key=value`, `--key value` and `--flag`."""
    wanted: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        key, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") and not equals:
            raise UsageError(f"{word!r} is not an option: say key=value")
        if not equals:
            value = left.pop(0) if left and not left[0].startswith("--") else "true"
        wanted[key.replace("-", "_")] = _value(value)
    return wanted


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _announced(said: dict[str, Any]) -> str:
    return f"maintenance {said['id']} from {said['starts_at']} until {said['ends_at']}"


def _windows(said: dict[str, Any]) -> str:
    windows = said["maintenance"]
    if not windows:
        return "no maintenance window is open or to come"
    return table(
        ("ID", "FROM", "UNTIL", "MATCHERS", "REASON", "BY"),
        [
            (
                str(one["id"]),
                one["starts_at"],
                one["ends_at"],
                ",".join(one["matchers"]),
                one["reason"],
                one["by"],
            )
            for one in windows
        ],
    )
