"""Whether a release that lies on the disk can be trusted to be all of itself, before anything is pointed at it.

A folder that is there proves nothing: an interrupted copy, a clean-up that began, a link to a config that has moved and a
file that only its owner may read all look like a release until it has to start.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

from prunella.redaction import printable
from receiver.strategies.base import StrategyError
from receiver.strategies.layout import may

# read as one whatever is in it; a `MANIFEST` only if it begins like one
OWN_MANIFEST = ".prunella-manifest"
MANIFESTS = (OWN_MANIFEST, "MANIFEST")
_ENTRY = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)")  # as sha256sum writes it
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
_LARGEST = 64 << 20
_CHUNK = 1 << 20


def _check_inside(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in text:
        raise ValueError("must be a path inside the release")
    return text


InnerPath = Annotated[str, AfterValidator(_check_inside)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a release found."""

    files: int
    size: int
    proven: int = 0  # files whose content is what the manifest says

    def __str__(self) -> str:
        proven = f", {self.proven} of them as the manifest says" if self.proven else ""
        return f"{self.files} files, {self.size} bytes{proven}"


def require_whole(folder: Path, requires: Sequence[str]) -> Seen:
    """Looks at every file. Raises StrategyError(started=False) that names the first that is wrong. Blocks."""
    try:
        _require_folder(folder)
        require_paths(folder, requires)
        sizes = list(_sizes(folder))
        proven = _proven(folder)
    except OSError as error:
        raise _refused(f"{error.filename or folder}: {error.strerror}") from error
    if not sizes:
        raise _refused(f"{folder} is empty")
    return Seen(len(sizes), sum(sizes), proven)


def require_paths(folder: Path, requires: Sequence[str]) -> None:
    """Raises StrategyError for the first of `requires` that the release has not."""
    for one in requires:
        if not (folder / one).exists():
            raise _refused(f"{folder} has no {one}, which `requires` names")


def require_room(path: Path, size: int) -> int:
    """The bytes that are free there for us. Raises StrategyError when those, or the inodes, are too few."""
    try:
        room = os.statvfs(path)
    except OSError as error:
        raise _refused(f"{path}: {error.strerror}") from error
    free = room.f_bavail * room.f_frsize
    if free < size:
        raise _refused(f"{path} has {free} bytes free, and {size} are wanted (`room`)")
    if room.f_files and room.f_favail < 1:  # some file systems count none
        raise _refused(f"{path} has no inode left")
    return free


def _require_folder(folder: Path) -> None:
    try:
        mode = folder.lstat().st_mode
    except FileNotFoundError:
        raise _refused(f"there is no {folder}") from None
    if not stat.S_ISDIR(mode):
        raise _refused(f"{folder} is no folder of its own")


def _sizes(folder: Path) -> Iterator[int]:
    for parent, folders, files in os.walk(folder, onerror=_fail):
        for name in folders + files:
            path = Path(parent, name)
            found = _led_to(path)
            if not may(path, os.R_OK):
                raise _refused(f"we may not read {path}")
            if stat.S_ISREG(found.st_mode):
                yield found.st_size


def _led_to(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR} and path.is_symlink():
            raise _refused(
                f"{path} is a link to nothing: {printable(str(path.readlink()))}"
            ) from error
        raise


def _proven(folder: Path) -> int:
    """How many files the manifest proves; 0 without one."""
    manifest = next((folder / name for name in MANIFESTS if _is_manifest(folder / name)), None)
    if manifest is None:
        return 0
    listed = dict(_entries(manifest))
    for name, digest in listed.items():
        path = folder / name
        if not path.is_file():
            raise _refused(f"{path} is in {manifest.name}, and not there")
        if _digest(path) != digest:
            raise _refused(f"{path} is not what {manifest.name} says")
    return len(listed)


def _is_manifest(path: Path) -> bool:
    if not path.is_file() or path.name == OWN_MANIFEST:
        return path.is_file()
    with path.open(encoding="utf-8", errors="replace") as file:
        return _ENTRY.fullmatch(file.readline(4096).rstrip("\n")) is not None


def _entries(manifest: Path) -> Iterator[tuple[str, str]]:
    if manifest.stat().st_size > _LARGEST:
        raise _refused(f"{manifest} is larger than {_LARGEST} bytes")
    lines = manifest.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            raise _refused(f"line {number} of {manifest} is not as sha256sum writes it")
        escaped, digest, name = entry.groups()
        if escaped:
            name = re.sub(r"\\[\\nr]", lambda found: _ESCAPES[found.group()], name)
        try:
            yield _check_inside(name), digest
        except ValueError as error:
            raise _refused(f"line {number} of {manifest} {error}") from error


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _fail(error: OSError) -> None:
    raise error


def _refused(message: str) -> StrategyError:
    return StrategyError(printable(message)[:500], started=False)
