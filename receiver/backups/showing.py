"""What there is of a target's backups and what became of the last runs: for metrics, the API and the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict

from prunella.timestamps import timestamp
from receiver.backups.base import Ground
from receiver.backups.facet import BackupFacet
from receiver.backups.kinds import configured
from receiver.backups.local import listed
from receiver.backups.record import Runs, read_record
from receiver.backups.stores import elsewhere_listed
from receiver.decide.backups import Backup, Kind, newest
from receiver.stores.postgres_store import PostgresFacet
from receiver.tools import Tools


class BackupShown(TypedDict):
    """One file."""

    name: str
    kind: Kind
    at: str | None
    size: int
    verified_at: str | None


class RunsShown(TypedDict):
    """What became of the last runs of one kind; none is never."""

    attempt: str | None
    ok: bool
    reason: str
    success: str | None
    size: int
    seconds: float
    file: str
    verify_attempt: str | None
    verify_ok: bool
    verify_reason: str
    verified: str | None
    verified_file: str
    restore_seconds: float


class StoreShown(TypedDict):
    """What is in one bucket, or why that cannot be told."""

    store: str
    problem: str
    backups: list[BackupShown]


class TargetShown(TypedDict):
    """What one target has; `away` is there for who asks for it."""

    target: str
    directory: str
    stores: list[str]
    problem: str
    free_bytes: float | None
    runs: dict[str, RunsShown]
    backups: list[BackupShown]
    away: NotRequired[list[StoreShown]]


@dataclass(frozen=True, slots=True)
class Shown:
    """Of one target; `problem` says why nothing could be seen."""

    backups: tuple[Backup, ...]
    runs: Mapping[Kind, Runs]
    free: float | None
    problem: str = ""


def look(target: str, facet: BackupFacet, postgres: PostgresFacet | None) -> Shown:
    """Reads the directory and the record; nothing is opened but that."""
    kinds, directory = configured(facet, postgres), facet.directory
    try:
        backups = listed(directory, target)
        disk = os.statvfs(directory)
    except OSError as error:
        problem = f"{directory}: {error.strerror}"
        return Shown((), {kind: Runs() for kind in kinds}, None, problem)
    known = read_record(directory, target)
    runs = {kind: _joined(known.get(kind), backups, kind) for kind in kinds}
    return Shown(backups, runs, float(disk.f_bavail * disk.f_frsize))


def _joined(known: Runs | None, backups: tuple[Backup, ...], kind: Kind) -> Runs:
    """The record, and where it was lost what the files say."""
    runs = known or Runs()
    last = newest(backups, kind)
    if last is None:
        return runs
    verified = max(one.verified_at for one in backups if one.kind is kind)
    seen = replace(runs, verified=max(runs.verified, verified))
    if runs.success > 0:
        return seen
    return replace(
        seen, success=last.at, size=last.size, file=last.name, ok=runs.ok or not runs.attempt
    )


def as_json(target: str, facet: BackupFacet, shown: Shown) -> TargetShown:
    """For the API and `--json`."""
    return {
        "target": target,
        "directory": str(facet.directory),
        "stores": [str(facet.directory), *(one.named for one in facet.s3)],
        "problem": shown.problem,
        "free_bytes": shown.free,
        "runs": {str(kind): _times(runs) for kind, runs in shown.runs.items()},
        "backups": [_backup(one) for one in shown.backups],
    }


async def away(
    target: str, facet: BackupFacet, postgres: PostgresFacet | None, tools: Tools
) -> list[StoreShown]:
    """What is in each bucket, or why that cannot be told: asked only by whoever wants it, because it takes its time."""
    ground = Ground(target, facet, postgres, tools, facet.timeout)
    return [
        {"store": named, "problem": problem, "backups": [_backup(one) for one in found]}
        for named, found, problem in await elsewhere_listed(ground)
    ]


def _backup(one: Backup) -> BackupShown:
    return {
        "name": one.name,
        "kind": one.kind,
        "at": moment(one.at),
        "size": one.size,
        "verified_at": moment(one.verified_at),
    }


def _times(runs: Runs) -> RunsShown:
    return {
        "attempt": moment(runs.attempt),
        "ok": runs.ok,
        "reason": runs.reason,
        "success": moment(runs.success),
        "size": runs.size,
        "seconds": runs.seconds,
        "file": runs.file,
        "verify_attempt": moment(runs.verify_attempt),
        "verify_ok": runs.verify_ok,
        "verify_reason": runs.verify_reason,
        "verified": moment(runs.verified),
        "verified_file": runs.verified_file,
        "restore_seconds": runs.restore_seconds,
    }


def moment(at: float) -> str | None:
    """RFC 3339; None for never."""
    if not at:
        return None
    with suppress(ValueError, OverflowError, OSError):
        return timestamp(int(at), "seconds")
    return None


def label(target: str, kind: Kind) -> str:
    """What metrics call it: the database's backup is the target's."""
    return target if kind is Kind.DATABASE else f"{target}-{kind}"
