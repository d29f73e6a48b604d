"""`prunella maintenance` and `prunella repair`: what an operator announces, and what he asks for."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from receiver.cli.api import Api, ApiError
from receiver.cli.show import show

Command = Callable[[str, str], argparse.ArgumentParser]


def add_maintenance(command: Command, shared: argparse.ArgumentParser) -> None:
    """The words `start`, `end` and `list`."""
    parser = command("maintenance", "announced work, during which nothing that matches is repaired")
    words = parser.add_subparsers(dest="what", required=True, metavar="start|end|list")
    start = words.add_parser("start", help="begins now, ends by itself", parents=[shared])
    start.add_argument(
        "--matcher", action="append", required=True, help="as in Alertmanager; all must hold"
    )
    start.add_argument("--duration", required=True, help="30m, 2h, …")
    start.add_argument("--reason", required=True, help="for those who wonder")
    end = words.add_parser("end", help="ends one before its time", parents=[shared])
    end.add_argument("id", type=int)
    words.add_parser("list", help="those that are open", parents=[shared])


async def maintenance(options: argparse.Namespace, api: Api) -> int:
    """Runs one of the three words."""
    path = "/api/v1/maintenance"
    match options.what:
        case "start":
            body = {"matchers": options.matcher, "duration": options.duration}
            answer = await api.post(path, {**body, "reason": options.reason})
            show(options, answer, lambda said: f"maintenance {said['id']} until {said['ends_at']}")
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
    parser.add_argument("option", nargs="*", help="-- key=value …; values are JSON, or text")


async def repair(options: argparse.Namespace, api: Api) -> int:
    """Asks for it; what became of it is in the incident."""
    body = {"target": options.target, "action": options.action}
    wanted = dict(map(_option, options.option))
    answer = await api.post("/api/v1/repairs", {**body, "options": wanted})
    show(
        options,
        answer,
        lambda said: (
            f"incident {said['incident']}: follow it with `prunella incidents {said['incident']}`"
        ),
    )
    return 0


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ApiError(f"{text!r} is not an option: say key=value")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _windows(said: dict[str, Any]) -> str:
    lines = [
        f"{window['id']:>4}  until {window['ends_at']}  {','.join(window['matchers'])}  "
        f"{window['reason']} ({window['by']})"
        for window in said["maintenance"]
    ]
    return "\n".join(lines) or "no maintenance window is open"
