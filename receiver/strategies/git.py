"""Releases that are tags or commits of a clone on the machine: one that is not there yet is checked out beside the live
one, and the live one is never touched.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path, PurePosixPath
from typing import ClassVar

from receiver.strategies.base import StrategyError
from receiver.strategies.clone import Clone
from receiver.strategies.layout import refusing, sync
from receiver.strategies.side_by_side import SideBySide
from receiver.strategies.wholeness import require_room, require_whole
from receiver.tools import Tools

_MAKING = ".making-"  # the beginning of the name of a worktree that is not whole yet; no version begins with a dot
_MOST = 20


class Git(SideBySide):
    """A clone `path/repo`, bare or not, its worktrees `path/releases/<version>/`, and the link `path/current` to one of
    them. Versions are tags, or commits of at least seven digits; a branch is none, because it moves.

    A worktree that is there must be at that commit and hold nothing else, but for what git ignores; otherwise it is
    refused, with the file. One that is missing is made by `git worktree add` beside the others, in a folder that gets the
    version's name when it is whole; what it needs besides the commit (`node_modules`, a built bundle) has to be in the
    commit, so name it in `requires`: then a release that is not built is refused. Nothing is fetched, no hook runs, no
    submodule and no Git LFS is followed: commits with those are refused. `room` bytes stay free after the checkout.

    Privileges: the receiver's user is the owner of `path`, `path/repo` and the worktrees.
    """

    executable: ClassVar[str | None] = "git"

    async def preflight(self, version: str, tools: Tools) -> str:
        with refusing(self.path):
            return await self._look(version, self._clone(tools))

    async def activate(self, version: str, tools: Tools) -> None:
        with refusing(self.path):
            await self._have(version, self._clone(tools))
        await self._point_at(version, tools)

    async def restore(self, version: str, tools: Tools) -> None:
        """Without another look at its worktree: it served from there, whatever was changed in it."""
        await self._point_at(version, tools)

    async def history(self, good: str, bad: str, tools: Tools) -> str:
        clone = self._clone(tools)
        try:
            begin, end = await clone.commit_of(good), await clone.commit_of(bad)
            lines = await clone.log(begin, end, _MOST + 1)
        except StrategyError:
            return ""
        more = ["…"] if len(lines) > _MOST else []
        return "\n".join([*lines[:_MOST], *more])

    def _clone(self, tools: Tools) -> Clone:
        return Clone(self.path / "repo", tools)

    async def _look(self, version: str, clone: Clone) -> str:
        folder = self.layout.folder(version)
        await asyncio.to_thread(self.layout.require_free)
        commit = await clone.commit_of(version)
        if not await asyncio.to_thread(os.path.lexists, folder):
            size = await self._require_makeable(clone, commit)
            free = await asyncio.to_thread(require_room, self.layout.releases, self.room + size)
            return f"{folder} is to be made of {commit[:12]}: {size} bytes; {free} bytes free"
        await clone.contents(commit)
        await clone.require_unchanged(folder, commit)
        seen = await asyncio.to_thread(require_whole, folder, self.requires)
        free = await asyncio.to_thread(require_room, self.path, self.room)
        return f"{folder} at {commit[:12]}: {seen}; {free} bytes free"

    async def _have(self, version: str, clone: Clone) -> None:
        """Has its worktree there, and whole."""
        folder = self.layout.folder(version)
        commit = await clone.commit_of(version)
        if await asyncio.to_thread(folder.exists):
            await clone.require_unchanged(folder, commit)
        else:
            await self._make(clone, folder, commit)
        await clone.know(folder)

    async def _require_makeable(self, clone: Clone, commit: str) -> int:
        """The bytes that it would take."""
        await clone.require_complete(commit)
        contents = await clone.contents(commit)
        for one in self.requires:
            if str(PurePosixPath(one)) not in contents:
                why = f"{commit[:12]} has no {one}, which `requires` names, and nothing is built"
                raise StrategyError(f"{why} from here: keep its worktree", started=False)
        await asyncio.to_thread(clone.require_writable)
        return sum(contents.values())

    async def _make(self, clone: Clone, folder: Path, commit: str) -> None:
        await self._require_makeable(clone, commit)
        making = folder.with_name(_MAKING + folder.name)
        clone.tools.require_lease()
        await clone.make(making, commit)
        clone.tools.require_lease()
        await asyncio.to_thread(making.rename, folder)
        await asyncio.to_thread(sync, folder.parent)
