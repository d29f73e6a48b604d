"""How releases lie side by side on a disk, `releases/<version>/` and the link `current` to one of them, and how the
link is moved: in one step that a reader sees either before or after, and that a lost power supply cannot halve.

The link is what every deploy tool of this kind agrees on; whatever else lies in its place is refused and left.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prunella.redaction import printable
from receiver.strategies.base import StrategyError, require_name

# of folders on some network file systems: there the ledger alone tells of a deploy
_CANNOT_LOCK = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP})
_EFFECTIVE = os.access in os.supports_effective_ids  # not on every system
_COMING = ".current.prunella"  # the next `current`, until it is renamed; one that a killed run left is made anew


def require_one_folder(version: str) -> None:
    """Raises StrategyError for a version that is not the name of one visible folder."""
    require_name(version)
    if version.startswith("."):
        raise StrategyError("a release's folder does not begin with a dot", started=False)


def may(path: Path, mode: int) -> bool:
    """Whether we, as who we are now, have that access."""
    return os.access(path, mode, effective_ids=_EFFECTIVE)


def sync(folder: Path) -> None:
    """Has the disk keep what was made or renamed in the folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def refusing(what: Path) -> Iterator[None]:
    """An error of the disk before anything that serves was touched is a refusal that names the file."""
    try:
        yield
    except OSError as error:
        where = printable(str(error.filename or what))
        raise StrategyError(f"{where}: {error.strerror or error}", started=False) from error


class _LockedError(StrategyError):
    """A deploy script is at it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder `path` of one target. Everything here blocks: call it in a thread."""

    path: Path

    @property
    def releases(self) -> Path:
        return self.path / "releases"

    @property
    def current(self) -> Path:
        return self.path / "current"

    def folder(self, version: str) -> Path:
        """Where that release lies, or would. Raises StrategyError for what is no name of a folder."""
        require_one_folder(version)
        return self.releases / version

    def active(self) -> str | None:
        """The release that `current` points at, there or not; None when there is no link, or it points elsewhere."""
        try:
            target = self.current.readlink()
            version = self._inside(target)
            require_one_folder(version)
        except (OSError, StrategyError):
            return None
        return version

    def require_switchable(self) -> None:
        """Raises StrategyError unless `current` is ours to move and may be moved."""
        try:
            mode = self.current.lstat().st_mode
        except FileNotFoundError:
            mode = stat.S_IFLNK  # nothing was ever deployed there
        else:
            if stat.S_ISLNK(mode):
                self._inside(self.current.readlink())
        if not stat.S_ISLNK(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a file"
            raise StrategyError(f"{self.current} is {kind} and no link", started=False)
        if not may(self.path, os.W_OK | os.X_OK):
            raise StrategyError(f"we may not write to {self.path}", started=False)

    @contextmanager
    def alone(self, how: int = fcntl.LOCK_EX) -> Iterator[None]:
        """While no deploy script holds the lock on `path`, as `flock /srv/api ./deploy.sh` does. Raises StrategyError. The
        kernel gives it back when its holder dies, so that none is ever left over."""
        with refusing(self.path):
            handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _lock(handle, how, self.path)
            yield
        finally:
            os.close(handle)

    def locked(self) -> bool:
        """Whether a deploy script holds that lock now."""
        try:
            with self.alone(fcntl.LOCK_SH):
                return False
        except _LockedError:
            return True
        except StrategyError:  # what else is wrong there is said where it is in the way
            return False

    def require_free(self) -> None:
        """Raises StrategyError unless `current` may be moved now."""
        with self.alone(fcntl.LOCK_SH), refusing(self.current):
            self.require_switchable()

    def require_there(self, version: str) -> str:
        """Says where it is. Raises StrategyError unless `current` may be moved to a folder of that version."""
        with refusing(self.path):
            self._require_folder(version)
        self.require_free()
        return f"{self.folder(version)} is there"

    def point_at(self, version: str) -> None:
        """Makes `current` a link to that release, whatever a killed run left. Raises StrategyError."""
        with self.alone():
            with refusing(self.current):
                self._require_folder(version)
                self.require_switchable()
                self._move(version)
            self._settle(version)

    def _require_folder(self, version: str) -> None:
        if not self.folder(version).is_dir():
            raise StrategyError(f"there is no {self.folder(version)}", started=False)

    def _move(self, version: str) -> None:
        coming = self.path / _COMING
        if coming.is_symlink():
            coming.unlink()
        coming.symlink_to(Path(self.releases.name, version))
        sync(self.path)
        coming.replace(self.current)

    def _settle(self, version: str) -> None:
        try:
            sync(self.path)
        except OSError as error:
            raise StrategyError(f"{self.current} may not outlive a crash: {error}") from error
        if self.active() != version:
            raise StrategyError(f"{self.current} was moved by somebody else at the same time")

    def misses(self, started_from: Sequence[str]) -> str | None:
        """Why what is started from there stays on one release, whatever `current` points at; None when it may follow."""
        inside = {self.releases, self.path.resolve() / "releases", self.releases.resolve()}
        fixed = next(
            (one for one in started_from if any(Path(one).is_relative_to(i) for i in inside)), None
        )
        if fixed is None:
            return None
        cure = f"give its manager paths through {self.current}"
        return f"it is started from {printable(fixed)}, one release for ever: {cure}"

    def _inside(self, target: Path) -> str:
        """The version that such a link means. Raises StrategyError, or OSError."""
        where = self.path / target
        if where.parent.resolve() != self.releases.resolve() or where.name in {"", ".", ".."}:
            raise StrategyError(
                f"{self.current} points at {printable(str(target))}, which is no release in {self.releases}",
                started=False,
            )
        return where.name


def _lock(handle: int, how: int, path: Path) -> None:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _LockedError(f"a deploy holds the lock on {path} (flock)", started=False) from error
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise StrategyError(f"{path}: {error.strerror}", started=False) from error
