"""`prunella release`, `releases` and `restore-point`: what a deploy says of itself, in one line of its script."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from receiver.cli.api import Api
from receiver.cli.launches import add_report, report, reports, reports_text
from receiver.cli.operate import Command
from receiver.cli.show import show, show_begun
from receiver.cli.tables import coloured, table
from receiver.cli.watch import add_watch, watched

PATH = "/api/v1/releases"
SAID = {
    "started": "a deploy begins",
    "finished": "it is live",
    "failed": "it did not go live",
    "quarantined": "this version is never deployed again and never gone back to",
}


def add_releases(command: Command, shared: argparse.ArgumentParser) -> None:
    """`release WORD TARGET VERSION`, `releases [TARGET]` and `restore-point TARGET [VERSION]`."""
    parser = command("release", "what a deploy says of itself")
    words = parser.add_subparsers(
        dest="what",
        required=True,
        metavar="started|finished|failed|quarantined|check|unfreeze|report",
    )
    for word, meaning in SAID.items():
        one = words.add_parser(word, help=meaning, parents=[shared])
        _named(one)
        one.add_argument("--commit", help="4 to 64 hexadecimal digits")
        one.add_argument(
            "--compatible-down-to",
            metavar="VERSION",
            help="the oldest version that can live with its database",
        )
    _named(words.add_parser("check", help="exit 1 when it is quarantined", parents=[shared]))
    thaw = words.add_parser(
        "unfreeze", help="after a rollback: a human has looked, deploys may begin", parents=[shared]
    )
    thaw.add_argument("target")
    back = command("rollback", "back to the last known good version, proven, or not at all")
    back.add_argument("target")
    back.add_argument("--to", metavar="VERSION", help="another known good one")
    add_report(words, shared)
    listed = command("releases", "the ledger, newest first")
    listed.add_argument("target", nargs="?")
    listed.add_argument(
        "--reports", action="store_true", help="what the launch watch has seen of what serves"
    )
    add_watch(listed)
    point = command("restore-point", "what serves now, or a version, may be gone back to")
    point.add_argument("target")
    point.add_argument("version", nargs="?")


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target")
    parser.add_argument("version")


async def release(options: argparse.Namespace, api: Api) -> int:
    """Says it; 1 when the receiver refuses, or when what is asked about is quarantined."""
    if options.what == "unfreeze":
        answer = await api.post(f"{PATH}/unfreeze", {"target": options.target})
        show(options, answer, lambda said: f"deploys of {said['target']} may begin again")
        return 0
    if options.what == "report":
        return await report(options, api)
    named = {"target": options.target, "version": options.version}
    if options.what == "check":
        found = await api.get(f"{PATH}?{urlencode({**named, 'limit': 1000})}")
        bad = any(one["quarantined"] for one in found)
        show(options, {**named, "quarantined": bad}, _checked)
        return 1 if bad else 0
    more = {"commit": options.commit, "compatible_down_to": options.compatible_down_to}
    said = {key: value for key, value in more.items() if value is not None}
    show(options, await api.post(PATH, {**named, "state": options.what, **said}), _line)
    return 0


async def releases(options: argparse.Namespace, api: Api) -> int:
    """The ledger as a table, or the reports of what serves."""
    if options.reports:
        await watched(options, lambda: reports(api, options.target), reports_text)
        return 0
    query = "" if options.target is None else "?" + urlencode({"target": options.target})
    await watched(options, lambda: api.get(PATH + query), releases_table)
    return 0


async def mark(options: argparse.Namespace, api: Api) -> int:
    """Names a restore point."""
    named = {} if options.version is None else {"version": options.version}
    answer = await api.post("/api/v1/restore-points", {"target": options.target, **named})
    show(options, answer, lambda said: f"{said['version']} on {said['target']} is a restore point")
    return 0


async def rollback(options: argparse.Namespace, api: Api) -> int:
    """Asks for it; what became of it is in the incident."""
    named = {} if options.to is None else {"to": options.to}
    answer = await api.post("/api/v1/rollbacks", {"target": options.target, **named})
    show_begun(options, answer)
    return 0


def releases_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a deploy, newest first; `*` serves, `good` may be gone back to."""
    if not rows:
        return "no releases"
    lines = []
    for row in rows:
        notes = [
            *(["good"] if row["known_good"] else []),
            *(["by a rollback"] if row["rollback"] else []),
            *(["never again"] if row["quarantined"] else []),
            *(["deploys frozen"] if row["frozen_at"] else []),
            *([f"launch watch, phase {row['phase']}"] if row["phase"] else []),
            *([_seen(str(row["outcome"] or row["verdict"]))] if row["verdict"] else []),
        ]
        lines.append(
            (
                *("*" if row["serves"] else "", row["target"], row["version"]),
                *(coloured(row["state"]), row["deployed_at"][:19] + "Z", row["by"]),
                ", ".join(notes),
            )
        )
    return table(("", "TARGET", "VERSION", "STATE", "DEPLOYED", "BY", "NOTE"), lines)


def _seen(word: str) -> str:
    """As people are told it: what is proven to be its version need not be proven to be good."""
    return "not proven good" if word == "unproven" else word


def _line(said: Mapping[str, Any]) -> str:
    return f"{said['target']} {said['version']} is {said['state']}"


def _checked(said: Mapping[str, Any]) -> str:
    verdict = "is quarantined: do not deploy it" if said["quarantined"] else "may be deployed"
    return f"{said['version']} on {said['target']} {verdict}"
