"""Backups without a receiver: from its config alone, on whatever machine has the files and can reach the database."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from prunella.redaction import printable
from prunella.service.clock import SystemClock
from prunella.service.settings import ConfigError, load
from receiver.actions.base import ActionFailed, Effect
from receiver.backups.base import BackupError, Ground
from receiver.backups.facet import BackupFacet
from receiver.backups.restoring import Plan, plan, restore
from receiver.backups.showing import as_json, away, look
from receiver.cli.api import UsageError
from receiver.cli.files import text_of
from receiver.cli.show import show
from receiver.consistency import build_action
from receiver.outside.http import open_http
from receiver.outside.programs import SystemPrograms
from receiver.settings import ReceiverSettings
from receiver.targets import Target
from receiver.tools import Tools
from receiver.unknown import unknown

PLACES = ("receiver.yml", "/etc/prunella/receiver.yml")
_CALLED_OFF = (signal.SIGTERM, signal.SIGHUP)  # SIGINT cancels the task already
PROGRAMS = ("pg_dump", "pg_restore")


def action_of(options: argparse.Namespace) -> tuple[str, dict[str, object]]:
    """The action that a word means, with its options."""
    match options.what:
        case "verify":
            named = {} if options.file is None else {"file": Path(options.file).name}
            return "verify_backup", {**named, "restore": not options.quick}
        case "drill":
            return "verify_backup", {"away": options.away}
        case "cleanup":
            return "prune_backups", {}
        case kind:
            return "backup", {"kind": kind}


async def done(options: argparse.Namespace) -> int:
    """Everything but a restore."""
    settings = _settings(options)
    if options.what == "list":
        return await _list(options, settings)
    target = _target(settings, options.target)
    name, given = action_of(options)
    action = build_action(name, given)
    if (why := action.unfit(target)) is not None:
        raise UsageError(f"{name} on {target.name}: {why}")
    async with _tools(settings) as tools:
        effect = Effect(
            *("cli", "cli", name, name, target), fence=0, timeout=action.patience(target)
        )
        try:
            with in_order():
                said = await action.run(effect, tools)
        except ActionFailed as error:
            raise BackupError(str(error)) from error
    answer = {"result": "ok", "text": said.text, "counts": dict(said.counts)}
    show(options, answer, lambda shown: str(shown["text"]))
    return 0


async def restored(options: argparse.Namespace) -> int:
    """Shows the plan, asks whoever sits there, and does it."""
    settings = _settings(options)
    target = _target(settings, options.target)
    if target.backup is None:
        raise UsageError(f"the target {target.name} has no `backup:`")
    facet = _with_identity(target.backup, options.identity)
    async with _tools(settings) as tools:
        ground = Ground(target.name, facet, target.postgres, tools, facet.timeout)
        planned = await plan(
            ground, options.file, _to(options), replace=options.replace, owners=not options.no_owner
        )
        if not options.json or options.plan:
            show(options, _shown(planned), lambda said: "\n".join(said["plan"]))
        if planned.refusal:
            raise BackupError(planned.refusal)
        if options.plan:
            return 0
        if not _agreed(options):
            raise BackupError("nothing was done: nobody agreed to the plan")
        with in_order():
            found = await restore(ground, planned)
    answer = {**_shown(planned), "result": "ok", "text": found.text, "next": list(found.after)}
    show(options, answer, _told)
    return 0


@contextmanager
def in_order() -> Iterator[None]:
    """Called off by Ctrl-C, a service manager or a terminal that is gone, it takes away what it had begun."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None:
        raise RuntimeError("there is no task to call off")
    for number in _CALLED_OFF:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    except asyncio.CancelledError as error:
        raise BackupError("it was called off; what it had begun is taken away") from error
    finally:
        for number in _CALLED_OFF:
            loop.remove_signal_handler(number)


def _with_identity(facet: BackupFacet, file: str | None) -> BackupFacet:
    if file is None:
        return facet
    return facet.model_copy(update={"identity_file": Path(file).absolute()})


def _told(said: Mapping[str, Any]) -> str:
    return "\n".join([said["text"], "next:", *(f"  - {one}" for one in said["next"])])


def _shown(planned: Plan) -> dict[str, object]:
    return {"file": planned.path.name, "to": planned.place.named, "plan": list(planned.steps)}


def _agreed(options: argparse.Namespace) -> bool:
    if options.yes or not sys.stdin.isatty():
        return True
    try:
        return input("go on? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _to(options: argparse.Namespace) -> str | None:
    if options.to_file is None:
        to: str | None = options.to
        return to
    return text_of("--to-file", options.to_file, "the address of a database")


def _settings(options: argparse.Namespace) -> ReceiverSettings:
    named = options.config or os.environ.get("PRUNELLA_CONFIG")
    places = [named] if named else [place for place in PLACES if Path(place).is_file()]
    if not places:
        raise UsageError(
            "a restore is done here, with the receiver's config: say --config receiver.yml, or set PRUNELLA_CONFIG"
        )
    try:
        return load(ReceiverSettings, Path(places[0]), os.environ)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def _target(settings: ReceiverSettings, name: str) -> Target:
    if name not in settings.targets:
        known = [one.name for one in settings.targets.values() if one.backup is not None]
        raise UsageError(unknown("target with `backup:`", name, known))
    return settings.targets[name]


async def _list(options: argparse.Namespace, settings: ReceiverSettings) -> int:
    wanted = [_target(settings, options.target)] if options.target else settings.targets.values()
    found = []
    async with _tools(settings) as tools:
        for one in wanted:
            if one.backup is None:
                continue
            facets = one.backup, one.postgres
            shown = as_json(one.name, one.backup, look(one.name, *facets))
            if options.away:
                shown["away"] = await away(one.name, *facets, tools)
            found.append(shown)
    show(options, {"targets": found}, table)
    return 0


@asynccontextmanager
async def _tools(settings: ReceiverSettings) -> AsyncIterator[Tools]:
    found = {name: str(path) for name, path in settings.executables.items()}
    for name in PROGRAMS:
        if name not in found and (path := shutil.which(name)) is not None:
            found[name] = path

    async def progress(text: str) -> None:
        await asyncio.to_thread(say, text)

    async with open_http() as http:
        tools = Tools(SystemClock(), http, SystemPrograms(), executables=found)
        yield replace(tools, progress=progress)


def say(text: str) -> None:
    """How far it is, for people."""
    print(printable(text), file=sys.stderr, flush=True)


def table(said: Mapping[str, Any]) -> str:
    """One line a backup, newest first, below one for each target."""
    lines: list[str] = []
    for one in said["targets"]:
        lines.append(f"{one['target']}  in {', '.join(one['stores'])}")
        if one["problem"]:
            lines.append(f"  cannot be seen: {one['problem']}")
        else:
            lines += [f"  {kind}: {_run(runs)}" for kind, runs in one["runs"].items()]
        lines += [_line(row) for row in one["backups"]]
        for store in one.get("away", ()):
            lines.append(f"  in {store['store']}: {store['problem'] or len(store['backups'])}")
            lines += [_line(row) for row in store["backups"]]
    return "\n".join(lines) or "no target has a `backup:`"


def _line(row: Mapping[str, Any]) -> str:
    proof = f"proven {row['verified_at']}" if row["verified_at"] else "not proven"
    return f"  {row['name']:<52} {row['size'] / 1e6:>12,.1f} MB  {proof}"


def _run(runs: Mapping[str, Any]) -> str:
    if not runs["success"] and not runs["attempt"]:
        return "never made"
    last = f"last success {runs['success'] or 'never'}"
    if not runs["ok"]:
        last += f"; FAILED at {runs['attempt']}: {runs['reason']}"
    if runs["verify_attempt"] and not runs["verify_ok"]:
        last += f"; NOT PROVEN at {runs['verify_attempt']}: {runs['verify_reason']}"
    return last
