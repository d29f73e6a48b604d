"""A clone of the operators' repository, asked and checked out by `git` with everything switched off that would start
other programs, ask a person, reach the network or follow the settings of whoever runs us.

What a checkout holds is compared with the commit itself, by an index of our own: its own index, times and flags may say
that a file is unchanged which is not.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prunella.redaction import printable, redact
from receiver.quoting import last_words
from receiver.strategies.base import StrategyError
from receiver.strategies.layout import may, sync
from receiver.tools import Finished, OutsideError, Tools

_LOOK_TIMEOUT = 120.0
_MAKE_TIMEOUT = 1800.0  # the action's own timeout is the one that counts
_MAX_LIST = 64 << 20
_NO_NAME = re.compile(r"[~^:?*\[\\\x7f ]|@\{|\.lock$|\.$|^@$")  # what git reads as an expression
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_QUIET = (
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.allow=never", "gc.auto=0"),
    *("maintenance.auto=false", "core.sparseCheckout=false", "submodule.recurse=false"),
    *("core.excludesFile=/dev/null", "core.attributesFile=/dev/null"),
    *("core.fileMode=true", "core.symlinks=true", "status.submoduleSummary=false"),
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Clone:
    """The repository at `path`, bare or not."""

    path: Path
    tools: Tools

    @property
    def _directory(self) -> Path:
        inner = self.path / ".git"
        return inner if inner.exists() else self.path

    async def commit_of(self, version: str) -> str:
        """The full name of the commit of that tag, or of that commit. Raises StrategyError."""
        if _NO_NAME.search(version):
            raise _refused(f"{version} is no tag and no commit")
        names = [f"refs/tags/{version}^{{commit}}"]
        if _COMMIT.fullmatch(version):
            names.append(f"{version}^{{commit}}")
        for name in names:
            ended = await self._run("rev-parse", "--verify", "--quiet", name)
            found = _last_word(ended.output)
            # a branch may have the name of another commit
            if ended.exit_code == 0 and (name.startswith("refs/") or found.startswith(version)):
                return found
            if ended.exit_code not in {0, 1}:
                raise _refused(f"{self.path} gives no commit{last_words(ended.output)}")
        cure = f"`git -C {self.path} fetch --tags` (of a shallow clone: with `--unshallow`)"
        raise _refused(f"{self.path} has no commit for {version}, and nothing is fetched: {cure}")

    async def require_complete(self, commit: str) -> None:
        """Raises StrategyError unless every file of it is in the clone."""
        ended = await self._run("rev-list", "--objects", "--quiet", "--no-walk", commit)
        if ended.exit_code != 0:
            why = f"{self.path} lacks a part of {commit[:12]}{last_words(ended.output)}"
            raise _refused(f"{why}; nothing is fetched from here")

    async def contents(self, commit: str) -> Mapping[str, int]:
        """The path of everything in it, folders too, and the bytes of each file. Raises StrategyError for what refers to
        something that is kept elsewhere."""
        said = await self._said("ls-tree", "-r", "-t", "-l", "-z", commit)
        found = {}
        for entry in said.split("\0")[:-1]:
            facts, _, path = entry.partition("\t")
            words = facts.rpartition("\n")[2].split()  # after what it may have said to people
            if len(words) != 4:
                raise _refused(f"`git ls-tree` of {commit[:12]} is longer than {_MAX_LIST} bytes")
            _, kind, _, size = words
            if kind == "commit":
                why = f"{path} of {commit[:12]} is a submodule: those are not checked out from here"
                raise _refused(why)
            found[path] = int(size) if size.isdigit() else 0
        await self._require_no_pointers(commit)
        return found

    async def _require_no_pointers(self, commit: str) -> None:
        ended = await self._run(
            *("grep", "--quiet", "--fixed-strings", "-e", "filter=lfs", commit, "--"),
            ":(glob)**/.gitattributes",
        )
        if ended.exit_code != 1:
            raise _refused(f"{commit[:12]} keeps files in Git LFS, which is not asked from here")

    async def require_unchanged(self, folder: Path, commit: str) -> None:
        """Raises StrategyError that names the first file by which the worktree is not that commit."""
        own = await asyncio.to_thread(self._own_directory, folder)
        head = await self._said("rev-parse", "--verify", "HEAD^{commit}", directory=own)
        if _last_word(head) != commit:
            raise _refused(f"{folder} is at {_last_word(head)[:12]} and not at {commit[:12]}")
        with tempfile.TemporaryDirectory(prefix="prunella-") as scratch:
            index = {"GIT_INDEX_FILE": f"{scratch}/index"}
            await self._said("read-tree", commit, directory=own, env=index)
            changes = await self._said(
                *(f"--work-tree={folder}", "status", "--porcelain=v1", "-z", "--no-renames"),
                *("--untracked-files=normal", "--ignore-submodules=none"),
                directory=own,
                env=index,
            )
        for entry in changes.split("\0")[:-1]:
            cure = "what belongs there besides the commit goes into .gitignore or info/exclude"
            state = "added" if entry.startswith("??") else "changed"
            raise _refused(f"{folder} is not clean: {entry[3:]} is {state}; {cure}")

    async def make(self, folder: Path, commit: str) -> None:
        """Makes a worktree of it in a folder that holds nothing but what a killed run of this left."""
        await asyncio.to_thread(_remove, folder)
        # forced twice, because a killed run leaves its registration, locked
        await self._said(
            *("worktree", "add", "--force", "--force", "--detach", "--", str(folder), commit),
            timeout=_MAKE_TIMEOUT,
        )
        await self.require_unchanged(folder, commit)
        await asyncio.to_thread(_sync_all, folder)

    async def know(self, folder: Path) -> None:
        """Has the clone know where that worktree of it is now."""
        own = await asyncio.to_thread(self._own_directory, folder)
        if await asyncio.to_thread(_place_of, own) != folder / ".git":
            await self._said("worktree", "repair", "--", str(folder))

    async def log(self, good: str, bad: str, most: int) -> tuple[str, ...]:
        """The subjects of what `bad` has and `good` has not, newest first, at most so many."""
        said = await self._said(
            *("log", "--no-show-signature", "--no-color", "--no-decorate", "--no-notes"),
            *(f"--max-count={most}", "--format=%h %s", f"{good}..{bad}", "--"),
        )
        return tuple(printable(redact(line))[:120] for line in said.split("\n") if line)

    def require_writable(self) -> None:
        """Raises StrategyError unless a worktree could be registered. Blocks."""
        places = (self._directory, self._directory / "worktrees")
        for place in places:
            if place.exists() and not may(place, os.W_OK | os.X_OK):
                raise _refused(f"we may not write to {place}")

    def _own_directory(self, folder: Path) -> Path:
        """What git keeps about that worktree. Raises StrategyError when it is none of this clone's."""
        try:
            with (folder / ".git").open("rb") as file:
                said = file.read(4097).decode("utf-8", "surrogateescape").strip()
            own = (folder / said.removeprefix("gitdir: ")).resolve(strict=True)
        except OSError as error:
            raise _refused(f"{folder} is no worktree: {error.strerror}") from error
        if own.parent != self._directory.resolve() / "worktrees":
            raise _refused(f"{folder} is no worktree of {self.path}")
        return own

    async def _said(
        self,
        *arguments: str,
        directory: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = _LOOK_TIMEOUT,
    ) -> str:
        ended = await self._run(*arguments, directory=directory, env=env, timeout=timeout)
        if ended.exit_code == 0:
            return ended.output
        verb = next(one for one in arguments if not one.startswith("-"))
        how = f"had no end within {timeout:g} s" if ended.exit_code is None else "failed"
        raise _refused(f"`git {verb}` {how}{last_words(ended.output)}")

    async def _run(
        self,
        *arguments: str,
        directory: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = _LOOK_TIMEOUT,
    ) -> Finished:
        settings = [part for setting in _QUIET for part in ("-c", setting)]
        git = self.tools.executables.get("git", "git")
        at = f"--git-dir={directory or self._directory}"
        try:
            return await self.tools.programs.run(
                [git, "--no-pager", *settings, at, *arguments],
                timeout=timeout,
                env={**_ENVIRONMENT, **(env or {})},
                max_output=_MAX_LIST,
            )
        except OutsideError as error:
            raise StrategyError(str(error), started=False) from error


def _last_word(output: str) -> str:
    """Warnings come before it."""
    return output.rstrip().rpartition("\n")[2]


def _place_of(own: Path) -> Path:
    return Path((own / "gitdir").read_text(errors="surrogateescape").rstrip("\n"))


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _sync_all(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        for name in files:
            path = Path(parent, name)
            if not path.is_symlink():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        sync(Path(parent))


def _refused(message: str) -> StrategyError:
    """Whatever it was, it was beside what serves."""
    return StrategyError(printable(message)[:500], started=False)
