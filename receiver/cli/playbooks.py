"""`prunella playbooks`: how far each may go, what it has shown, and letting it go further or less far."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from receiver.cli.api import Api, UsageError
from receiver.cli.operate import Command
from receiver.cli.show import show
from receiver.decide.facts import span

PATH = "/api/v1/playbooks"
WORDS = {"promote": "one step further: shadow, approve, auto", "demote": "less far"}
MODES = ("shadow", "approve", "auto")
HEAD = (
    f"{'PLAYBOOK':<20} {'RUNG':<16} {'MODE':<8} {'RUNS':>5} {'HELPED':>7} {'BACK':>5} {'VAIN':>5}"
    f" {'FAILED':>7} {'SPARED':>9}  REFUSED"
)


def add_playbooks(command: Command, shared: argparse.ArgumentParser) -> None:
    """`playbooks [show NAME]`, `playbooks promote|demote NAME`."""
    parser = command("playbooks", "how far each playbook may go by itself, and what it has shown")
    words = parser.add_subparsers(dest="what", metavar="show|promote|demote")
    words.add_parser("show", help="one, with its last runs", parents=[shared]).add_argument("name")
    for word, meaning in WORDS.items():
        one = words.add_parser(word, help=meaning, parents=[shared])
        one.add_argument("name")
        one.add_argument("--rung", help="of this rung only")
        one.add_argument("--reason", default="", help="for those who wonder")
        one.add_argument("--yes", action="store_true", help="do not ask")
        if word == "demote":
            one.add_argument("--to", choices=MODES[:-1], help="further down than one step")


async def playbooks(options: argparse.Namespace, api: Api) -> int:
    """Shows them, or changes one; 1 when whoever is asked says no."""
    if options.what is None:
        show(options, await api.get(PATH), lambda said: table(said["playbooks"]))
        return 0
    path = f"{PATH}/{quote(options.name, safe='')}"
    if options.what == "demote" and options.yes:  # also what only an open incident still knows
        to = options.to
    else:
        known = await api.get(path)
        if options.what == "show":
            show(options, known, story)
            return 0
        to = _wanted(options, known)
        if not options.yes and not _agreed(options, known, to):
            return 1
    rung = {} if options.rung is None else {"rung": options.rung}
    body = {**rung, "to": to, "reason": options.reason}
    answer = await api.post(f"{path}/{options.what}", body)
    show(options, answer, lambda said: _changed(options, said))
    return 0


def _changed(options: argparse.Namespace, said: Mapping[str, Any]) -> str:
    """What was written, and which rungs are kept back by something else."""
    kept = ", ".join(
        f"rung {name} is {mode}"
        for name, mode in said["rungs"].items()
        if mode != said["mode"] and options.rung in {None, name}
    )
    but = f"; but by the config, or by what was taken before, {kept}" if kept else ""
    return f"{_what(options)} is {said['mode']} now{but}"


def table(rows: list[dict[str, Any]]) -> str:
    """One line a rung."""
    if not rows:
        return "no playbooks"
    lines = [HEAD]
    for book in rows:
        for place, rung in enumerate(book["rungs"]):
            name = book["name"] if place == 0 else ""
            refused = ", ".join(f"{why} {n}" for why, n in list(rung["refusals"].items())[:3])
            lines.append(
                f"{name:<20} {rung['name']:<16} {rung['mode']:<8} {rung['runs']:>5} {rung['helped']:>7}"
                f" {rung['returned']:>5} {rung['in_vain']:>5} {rung['failed']:>7}"
                f" {_span(rung['seconds_spared']):>9}  {refused}".rstrip()
            )
    return "\n".join(lines)


def story(book: Mapping[str, Any]) -> str:
    """One playbook with all that is known of it."""
    whose = "" if book["human_own"] else " (median of all playbooks)"
    said = [
        f"playbook {book['name']}: {book['mode']} (config: {book['configured']}, receiver: {book['ceiling']})",
        *_grants(book),
        table([dict(book)]),
        f"humans take {_span(book['human_seconds'])}{whose}",
    ]
    held, runs = book["would_have_acted"], book["last_runs"]
    said += ["would have acted:", *map(_held, held)] if held else []
    said += ["last runs:", *map(_run, runs)] if runs else []
    return "\n".join(said)


def _held(one: Mapping[str, Any]) -> str:
    return f"  {one['at']}  {_action(one)}, broken for {_span(one['lasted'])}"


def _run(run: Mapping[str, Any]) -> str:
    became = run["verdict"] or run["result"] or "under way"
    back = ", and it came back" if run["returned_at"] else ""
    return f"  {run['began_at']}  {_action(run)}: {became}{back}"


def _action(one: Mapping[str, Any]) -> str:
    return f"{one['action']} on {one['target']} (rung {one['rung']}, incident {one['incident']})"


def _grants(book: Mapping[str, Any]) -> list[str]:
    given = [book["grant"], *(rung["grant"] for rung in book["rungs"])]
    lines = [
        f"{one['rung'] or 'all of it'}: {one['mode']} by {one['by']} at {one['at']}"
        f"{': ' + one['why'] if one['why'] else ''}"
        for one in given
        if one is not None
    ]
    lost = ["it was changed since it was promoted, so it is as its config says again"]
    return lines + (lost if book["changed"] else [])


def _wanted(options: argparse.Namespace, book: Mapping[str, Any]) -> str | None:
    """The mode that the question names, so that what is agreed to is what is done. None leaves it to the receiver."""
    if options.what == "demote" and options.to is not None:
        return str(options.to)
    now = MODES.index(_now(options, book))
    step = now + 1 if options.what == "promote" else now - 1
    return MODES[step] if 0 <= step < len(MODES) else None


def _now(options: argparse.Namespace, book: Mapping[str, Any]) -> str:
    if options.rung is None:
        return str(book["mode"])
    found = {rung["name"]: str(rung["mode"]) for rung in book["rungs"]}
    if options.rung not in found:
        known = ", ".join(found)
        raise UsageError(f"{book['name']} has no rung {options.rung}; known: {known}")
    return found[options.rung]


def _agreed(options: argparse.Namespace, book: Mapping[str, Any], to: str | None) -> bool:
    """The evidence, and a yes. Where nobody can be asked, nothing is agreed to."""
    show(argparse.Namespace(json=False), dict(book), story)
    if not sys.stdin.isatty():
        print("prunella: nobody can be asked here: say --yes", file=sys.stderr)
        return False
    question = f"{options.what} {_what(options)} from {_now(options, book)} to {to}? [y/N] "
    return input(question).strip().lower() in {"y", "yes"}


def _what(options: argparse.Namespace) -> str:
    return options.name if options.rung is None else f"rung {options.rung} of {options.name}"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"-{span(-seconds)}" if seconds < 0 else span(seconds)
