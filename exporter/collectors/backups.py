"""Backups as the files that they leave: when the last good one was written, and how large it is.

Whatever writes them (ours, a cron job, a vendor's tool): what counts is a whole file in its place. One that is still
being written ends in `.partial`; if nobody goes on with it, that run has failed. No backup is opened, so that looking
costs the same whatever the size; of a `target` of the receiver its own small record is read besides.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from prometheus_client.metrics_core import Metric
from pydantic import AfterValidator, Field

from exporter.backup_record import Run, last_run
from exporter.collectors.base import Collected, Kind, World, ahead_of, entries
from exporter.families import gauge
from exporter.threads import in_thread
from prunella.service.clock import Clock
from prunella.service.settings import LocalPath, Settings

PARTIAL, VERIFIED = ".partial", ".verified"
_BESIDE = (".sha256", ".manifest.json", VERIFIED)  # about a backup, and none
ABANDONED = 900.0  # seconds without a byte after which nobody writes it any more
LABELS = ("backup",)


def _pattern(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError("must be a pattern such as *.dump, below the directory")
    return text


class BackupEntry(Settings):
    """The files in `directory` that match `pattern`, all of one kind: the newest is the last backup.

    Of the receiver's own backups `target` and `kind` say which: their record there counts, too.
    """

    name: str = Field(min_length=1, max_length=200)
    directory: LocalPath
    pattern: Annotated[str, Field(min_length=1), AfterValidator(_pattern)] = "*"
    target: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    kind: Literal["database", "export", "config", "redis"] = "database"

    @property
    def files(self) -> str:
        """The pattern, or what the receiver calls its files."""
        own = self.target is not None and self.pattern == "*"
        return f"{self.target}-{self.kind}-*" if own else self.pattern


@dataclass(frozen=True, slots=True)
class Seen:
    """What lies there; times in unix seconds, 0 for never."""

    last_success: float = 0.0
    size: float = 0.0
    success: bool = False
    verified: float = 0.0
    free: float | None = None


class Directory:
    """One entry. A disk that hangs holds one thread, however often it is asked."""

    def __init__(self, entry: BackupEntry, clock: Clock) -> None:
        self.entry = entry
        self._clock = clock
        self._asked: asyncio.Future[Seen] | None = None

    async def look(self, until: float) -> tuple[Seen | None, str]:
        """What lies there, or None and why not."""
        if self._asked is None or self._asked.done():
            self._asked = in_thread(lambda: look(self.entry, self._clock.now()))
        try:
            async with asyncio.timeout_at(until):
                return await asyncio.shield(self._asked), ""
        except TimeoutError:
            problem = "the disk does not answer"
        except OSError as error:
            problem = os.strerror(error.errno) if error.errno else str(error)
        return None, f"{self.entry.name}: {self.entry.directory}: {problem}"


def look(entry: BackupEntry, now: float) -> Seen:
    """Reads the directory, and no file. Raises OSError when there is none."""
    os.scandir(entry.directory).close()  # a glob finds nothing in a directory that is not there
    # when the newest was written, and how large it is
    whole = max((found for found in _files(entry, "") if found[1]), default=(0.0, 0.0))
    written = max((at for at, _ in _files(entry, PARTIAL)), default=0.0)
    verified = max((at for at, _ in _files(entry, VERIFIED)), default=0.0)
    died = written > whole[0] and now - written > ABANDONED
    disk = os.statvfs(entry.directory)
    free = float(disk.f_bavail * disk.f_frsize)
    seen = Seen(*whole, success=whole[0] > 0 and not died, verified=verified, free=free)
    run = last_run(entry.directory, entry.target, entry.kind) if entry.target else None
    return seen if run is None else _with_record(seen, run)


def _with_record(seen: Seen, run: Run) -> Seen:
    """What is written down of the last run counts, and of the last backup whatever is newer."""
    if run.success > seen.last_success:
        seen = replace(seen, last_success=run.success, size=run.size)
    success = run.ok if run.attempt else seen.success
    return replace(seen, success=success, verified=max(seen.verified, run.verified))


def _files(entry: BackupEntry, suffix: str) -> Iterator[tuple[float, float]]:
    """When each was written, and its size. One that is pruned meanwhile is none."""
    for file in entry.directory.glob(f"{entry.files}{suffix}"):
        if file.name.startswith(".") or (not suffix and file.name.endswith((PARTIAL, *_BESIDE))):
            continue
        with suppress(FileNotFoundError):
            about = file.stat()
            if stat.S_ISREG(about.st_mode):
                yield about.st_mtime, float(about.st_size)


class Backups:
    def __init__(self, options: Sequence[BackupEntry], world: World) -> None:
        self._directories = [Directory(entry, world.clock) for entry in options]

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def collect(self, deadline: float) -> Collected:
        until = ahead_of(deadline)
        answers = await asyncio.gather(*(one.look(until) for one in self._directories))
        names = [one.entry.name for one in self._directories]
        seen = [(name, found or Seen()) for name, (found, _) in zip(names, answers, strict=True)]
        return Collected(families(seen), tuple(problem for _, problem in answers if problem))

    def down(self) -> Iterable[Metric]:
        return families([(one.entry.name, Seen()) for one in self._directories])


def families(seen: Sequence[tuple[str, Seen]]) -> tuple[Metric, ...]:
    """The series of every entry, also of one of which nothing is known."""
    return (
        gauge(
            "prunella_backup_last_success_timestamp_seconds",
            "When the newest whole backup was written; 0 for never.",
            LABELS,
            (((name,), one.last_success) for name, one in seen),
        ),
        gauge(
            "prunella_backup_last_size_bytes",
            "Size of the newest whole backup; 0 when there is none.",
            LABELS,
            (((name,), one.size) for name, one in seen),
        ),
        gauge(
            "prunella_backup_last_run_success",
            "Whether the last backup was finished; 0 when it broke off, or there is none.",
            LABELS,
            (((name,), float(one.success)) for name, one in seen),
        ),
        gauge(
            "prunella_backup_last_verified_timestamp_seconds",
            "When a backup was last proven to restore; 0 for never.",
            LABELS,
            (((name,), one.verified) for name, one in seen),
        ),
        gauge(
            "prunella_backup_storage_free_bytes",
            "Free space where the backups lie.",
            LABELS,
            (((name,), one.free) for name, one in seen if one.free is not None),
        ),
    )


BACKUPS: Kind[Sequence[BackupEntry]] = Kind(entries(BackupEntry), Backups)
