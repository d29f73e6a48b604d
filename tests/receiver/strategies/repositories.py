"""Real git repositories of a small app, and clones of them as a deploy tool would have laid them."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

from prunella.service.clock import SystemClock
from receiver.outside.programs import SystemPrograms
from receiver.strategies.git import Git
from receiver.tools import Tools
from tests.receiver.stand_ins import StandInHttp
from tests.receiver.strategies.places import PROOF

_NOBODY = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_{what}": "ann@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}  # fmt: skip


def git(*arguments: str | Path, at: Path) -> str:
    """What it says. It has to end well."""
    argv = ["git", "-C", str(at), "-c", "protocol.file.allow=always", *map(str, arguments)]
    ended = subprocess.run(
        argv, env={**os.environ, **_NOBODY}, capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def commit(origin: Path, subject: str, tag: str | None = None, **files: str) -> str:
    """The full name of a new commit with these files; `__` in a name is a slash."""
    for name, text in files.items():
        path = origin / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("add", "--all", at=origin)
    git("commit", "--quiet", "--allow-empty", "--message", subject, at=origin)
    if tag is not None:
        git("tag", tag, at=origin)
    return git("rev-parse", "HEAD", at=origin)


def an_origin(folder: Path) -> Path:
    """Tags v1, v2 and v3; v3 is annotated."""
    origin = folder / "origin"
    origin.mkdir()
    git("init", "--quiet", "--initial-branch=main", at=origin)
    commit(origin, "the first", "v1", version="v1", lib__app="pass")
    commit(origin, "make it faster", "v2", version="v2", lib__new="pass")
    commit(origin, "mend the login", version="v3")
    git("tag", "--annotate", "--message", "third", "v3", at=origin)
    return origin


def a_clone(folder: Path, origin: Path, *options: str, live: str | None = "v2") -> Path:
    """`repo`, `releases` with a worktree of what is live, and `current`."""
    path = folder / "api"
    (path / "releases").mkdir(parents=True)
    git("clone", "--quiet", *options, f"file://{origin}", path / "repo", at=folder)
    if live is not None:
        a_worktree(path, live)
        (path / "current").symlink_to(f"releases/{live}")
    return path


def a_worktree(path: Path, version: str) -> Path:
    """As an operator makes one."""
    folder = path / "releases" / version
    git("worktree", "add", "--quiet", "--detach", folder, version, at=path / "repo")
    return folder


def strategy(path: Path, **options: Any) -> Git:
    return Git.model_validate({"path": path, "version": PROOF, **options})


def tools(**executables: str) -> Tools:
    return Tools(
        clock=SystemClock(), http=StandInHttp(), programs=SystemPrograms(), executables=executables
    )


def activate(path: Path, version: str) -> None:
    """Blocks, for a process of its own."""
    asyncio.run(strategy(path).activate(version, tools()))
