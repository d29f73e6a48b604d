"""Releases on a disk, as a deploy tool would have left them."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from receiver.strategies.symlink import Symlink
from tests.receiver.stand_ins import a_toolbox

PROOF = {"url": "http://127.0.0.1:1/version", "json": "version"}
# each would name another thing than one folder in `releases`, or an option of a program
HOSTILE = [
    "", " ", ".", "..", "../v1", "v1/..", "/etc", "a/b", "a\\b", "-rf", "--force", "v1\n", "v\x00", "v1 ", "\u202ev1", "x" * 201,
    ".hidden", ".making-v1",
]  # fmt: skip


def a_release(path: Path, version: str, files: Mapping[str, str] | None = None) -> Path:
    """Its folder; every release has another content."""
    folder = path / "releases" / version
    for name, text in (files or {"version": version, "lib/app.py": "pass"}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def a_place(folder: Path, *versions: str, current: str | None = None) -> Path:
    """`releases/` with these, and `current`."""
    path = folder / "api"
    (path / "releases").mkdir(parents=True)
    for version in versions:
        a_release(path, version)
    if current is not None:
        (path / "current").symlink_to(f"releases/{current}")
    return path


@contextmanager
def in_the_open() -> Iterator[Path]:
    """A folder that every user may look into: pytest's own are for one only."""
    with tempfile.TemporaryDirectory(prefix="open-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def symlink(path: Path, **options: Any) -> Symlink:
    return Symlink.model_validate({"path": path, "version": PROOF, **options})


def activate(path: Path, version: str) -> None:
    """Blocks, for a process of its own."""
    asyncio.run(symlink(path).activate(version, a_toolbox()))


def tree(path: Path) -> dict[str, tuple[object, ...]]:
    """Everything that is there, so that any change shows: also of what only a new inode or time betrays."""
    return {str(one.relative_to(path)): _facts(one) for one in sorted(path.rglob("*"))}


def _facts(one: Path) -> tuple[object, ...]:
    status = one.lstat()
    if one.is_symlink():
        content = str(one.readlink())
    else:
        content = hashlib.sha256(one.read_bytes()).hexdigest() if one.is_file() else ""
    return (status.st_mode, status.st_ino, status.st_mtime_ns, status.st_uid, content)
