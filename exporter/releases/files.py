"""What a deploy leaves on the disk: the link `current` of a release layout, or a file with the version in its first line.

Since when it serves is when that was written; the launch watch is counted from there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from exporter.releases.base import LONGEST, Release, Seen, SourceError
from exporter.threads import in_thread
from prunella.service.clock import Clock

PATIENCE = 5.0
Written = tuple[str, float]  # a version, and when it was written


def linked(path: Path) -> Written:
    """Of the layouts `symlink` and `git`: `current` points at the folder that is named as the version. Raises OSError."""
    link = path / "current"
    return Path(os.readlink(link)).name, os.lstat(link).st_mtime  # noqa: PTH115 - Path.readlink drops a last slash alike, and lstat stands beside it


def first_line(file: Path) -> Written:
    """Raises OSError."""
    with file.open(errors="replace") as lines:
        version = lines.readline(LONGEST + 1)
        return version.strip(), os.fstat(lines.fileno()).st_mtime


class OnDisk:
    """One target. A disk that hangs holds one thread, however often it is asked."""

    def __init__(
        self, names: tuple[str, str], look: Callable[[], Written], phases: Sequence[float], clock: Clock
    ) -> None:  # fmt: skip
        self._service, self._target = names
        self._look, self._phases, self._clock = look, phases, clock
        self._asked: asyncio.Future[Written] | None = None
        self.patience = PATIENCE

    async def read(self) -> Seen:
        if self._asked is None or self._asked.done():
            self._asked = in_thread(self._look)
        try:
            async with asyncio.timeout(self.patience):
                version, began = await asyncio.shield(self._asked)
        except TimeoutError:
            raise SourceError("the disk does not answer") from None
        except OSError as error:
            raise SourceError(f"{error.filename}: {error.strerror}") from None
        if not version.isprintable() or not 0 < len(version) <= LONGEST:
            raise SourceError("what is written there is no version")
        phase = self._phase(self._clock.now() - began)
        return Seen((Release(self._service, self._target, version, "", began, phase),))

    def _phase(self, age: float) -> int:
        """Which one that is, from 1; 0 after the last."""
        ahead = [number for number, until in enumerate(self._phases, 1) if age < until]
        return ahead[0] if ahead else 0
