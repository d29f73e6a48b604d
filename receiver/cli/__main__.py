"""The `prunella` command: parses, asks the receiver, prints; exit 0 done, 1 refused or unreachable, 2 usage."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prunella import logs
from prunella.extra import extra
from prunella.version import version

with extra("prunella", "receiver"):
    from prunella.service.problems import ConfigError
    from receiver.cli.api import Api, ApiError, UsageError
    from receiver.cli.backup_grammar import add_backups
    from receiver.cli.completion import add_completion, completion
    from receiver.cli.files import token_of
    from receiver.cli.health import add_health, health
    from receiver.cli.later import later
    from receiver.cli.local_grammar import add_backtest, add_lint, add_rules, add_simulate
    from receiver.cli.notify import add_notify, notify
    from receiver.cli.oncall import add_oncall, oncall
    from receiver.cli.operate import (
        add_heal,
        add_maintenance,
        add_repair,
        behind_dashes,
        heal,
        maintenance,
        repair,
    )
    from receiver.cli.parser import Parser, numbered
    from receiver.cli.playbooks import add_playbooks, playbooks
    from receiver.cli.releases import add_releases, mark, release, releases, rollback
    from receiver.cli.show import show
    from receiver.cli.tables import incident_story, incidents_table
    from receiver.cli.watch import add_watch, watched
    from receiver.cli.where import receiver_url
    from receiver.journal.chain import broken_link

_NUMBER = numbered("an incident", "prunella incidents")
WORDS = {"ack": "acknowledge", "approve": "approve", "deny": "deny", "resolve": "resolve"}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command."""
    ours, behind = behind_dashes(sys.argv[1:] if argv is None else argv)
    parser = grammar()
    options = parser.parse_args(ours)
    if behind and options.command != "repair":
        parser.error(f"nothing may stand behind `--` here, but there is {behind[0]!r}")
    options.behind = behind
    if options.log_level is not None:
        logs.configure(options.log_level)
    if options.command in _HERE:
        return _HERE[options.command](options)
    try:
        return asyncio.run(_run(options, Api(receiver_url(options), _token(options))))
    except KeyboardInterrupt:
        return 0 if getattr(options, "watch", False) else 1
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (ApiError, UsageError, OSError) as error:
        print(f"prunella: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1


def _token(options: argparse.Namespace) -> str | None:
    if options.token_file:
        return token_of("--token-file", options.token_file)
    file = os.environ.get("PRUNELLA_TOKEN_FILE")
    return token_of("PRUNELLA_TOKEN_FILE", file) if file else None


def _asking(unsaid: str | None) -> Parser:
    """The options of every command, which may stand before it and after it."""
    options = Parser(add_help=False, argument_default=unsaid)
    options.add_argument("--url", help="the receiver (PRUNELLA_URL)")
    options.add_argument("--token-file", help="file with a bearer token (PRUNELLA_TOKEN_FILE)")
    options.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="receiver.yml: what a command that needs no receiver works with; of the others, which receiver is meant",
    )
    options.add_argument(
        "--log-level", type=str.lower, choices=logs.LEVELS, help="what is said on stderr"
    )
    options.add_argument(
        "--json", action="store_true", default=unsaid or False, help="print JSON, for scripts"
    )
    return options


def grammar() -> argparse.ArgumentParser:
    shared = _asking(argparse.SUPPRESS)  # said after the command: wins over what is said before it
    parser = Parser(
        prog="prunella",
        description="What the receiver does, and a word in it.",
        parents=[_asking(None)],
    )
    parser.add_argument("--version", action="version", version=f"prunella {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, about: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=about, parents=[shared])

    add_watch(command("status", "mode, pause switch and open incidents"))
    incidents = command("incidents", "the list, or one with its timeline")
    incidents.add_argument("id", nargs="?", type=_NUMBER)
    add_watch(incidents)
    for word, meaning in WORDS.items():
        command(word, f"{meaning} an incident").add_argument("id", type=_NUMBER)
    command("pause", "no action begins any more").add_argument("--reason", required=True)
    command("resume", "actions may begin again")
    add_maintenance(command, shared)
    add_notify(command, shared)
    add_oncall(command, shared)
    add_repair(command)
    add_heal(command)
    add_playbooks(command, shared)
    add_releases(command, shared)
    add_backups(command, shared)
    add_simulate(command)
    add_backtest(command)
    add_lint(command)
    add_rules(command, shared)
    add_health(command)
    add_completion(command)
    command("journal", "the audit journal").add_argument("what", choices=["export", "verify"])
    return parser


async def _run(options: argparse.Namespace, api: Api) -> int:
    if options.command in _APART:
        return await _APART[options.command](options, api)
    match options.command:
        case "status":
            await watched(options, lambda: api.get("/api/v1/status"), _status)
        case "incidents" if options.id is None:
            ask = partial(api.get, "/api/v1/incidents")
            await watched(options, ask, lambda said: incidents_table(said["incidents"]))
        case "incidents":
            await watched(options, lambda: _incident(api, options.id), incident_story)
        case "pause":
            answer = await api.post("/api/v1/pause", {"reason": options.reason})
            show(options, answer, lambda said: f"paused by {said['by']}: {_why(said)}")
        case "resume":
            show(options, await api.post("/api/v1/resume"), lambda said: f"resumed by {said['by']}")
        case word:
            with _known_incident():
                answer = await api.post(f"/api/v1/incidents/{options.id}/{WORDS[word]}")
            show(options, answer, lambda said: f"incident {said['id']} is {said['state']}")
    return 0


async def _incident(api: Api, number: int) -> Any:
    with _known_incident():
        return await api.get(f"/api/v1/incidents/{number}")


def _why(said: Mapping[str, str]) -> str:
    return said["reason"].strip() or "no reason given"


@contextmanager
def _known_incident() -> Iterator[None]:
    """Where one is that is not there, those that are can be found."""
    try:
        yield
    except ApiError as error:
        if error.status != 404:
            raise
        raise ApiError(f"{error}; `prunella incidents` lists those there are") from error


async def _journal(options: argparse.Namespace, api: Api) -> int:
    lines = api.lines("/api/v1/journal")
    if options.what == "export":
        async for line in lines:
            print(line)
        return 0
    rows, wrong = broken_link([line async for line in lines])
    verdict = {"rows": rows, "ok": wrong is None, "why": wrong or ""}
    show(options, verdict, lambda said: f"{rows} rows, {said['why'] or 'the chain holds'}")
    return 0 if wrong is None else 1


def _status(said: dict[str, object]) -> str:
    switch = "paused: " + str(said["paused_why"]) if said["paused"] else "acting"
    if said["stop_file"]:
        switch = "stop file is set"
    incidents = said["incidents"]
    open_ones = incidents.items() if isinstance(incidents, dict) else ()
    counts = ", ".join(f"{count} {state}" for state, count in open_ones)
    return f"mode {said['mode']}, {switch}, {counts or 'no open incidents'}"


_APART: Mapping[str, Callable[[argparse.Namespace, Api], Awaitable[int]]] = {
    "backup": later("backups", "backup"),
    "heal": heal,
    "journal": _journal,
    "maintenance": maintenance,
    "notify": notify,
    "oncall": oncall,
    "playbooks": playbooks,
    "release": release,
    "releases": releases,
    "repair": repair,
    "restore-point": mark,
    "rollback": rollback,
}
# those that need no receiver
_HERE: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "backtest": later("backtest", "backtest"),
    "completion": completion,
    "health": health,
    "lint": later("lint", "lint"),
    "replay": later("backtest", "replay"),
    "rules": later("rules", "rules"),
    "simulate": later("simulate", "simulate"),
}

if __name__ == "__main__":
    sys.exit(main())
