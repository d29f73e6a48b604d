"""Releases that are tags or commits of a clone on the machine: one that is not there yet is checked out beside the live
one, and the live one is never touched.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar

from pydantic import Field

from prunella.service.settings import LocalPath, Size
from receiver.strategies.base import Strategy, StrategyError
from receiver.strategies.clone import Clone
from receiver.strategies.layout import Layout, refusing, sync
from receiver.strategies.wholeness import InnerPath, require_room, require_whole
from receiver.tools import Tools

_MAKING = ".making-"  # the beginning of the name of a worktree that is not whole yet; no version begins with a dot
_MOST = 20


class Git(Strategy):
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

    path: LocalPath
    requires: tuple[InnerPath, ...] = ()
    room: Annotated[Size, Field(ge=0)] = 64 << 20

    @property
    def layout(self) -> Layout:
        """Where its releases lie."""
        return Layout(self.path)

    @property
    def folders(self) -> Path | None:
        return self.layout.releases

    async def active(self, tools: Tools) -> str | None:
        return await asyncio.to_thread(self.layout.active)

    async def locked(self) -> bool:
        return await asyncio.to_thread(self.layout.locked)

    async def preflight(self, version: str, tools: Tools) -> str:
        with refusing(self.path):
            return await self._look(version, self._clone(tools))

    async def way_back(self, version: str, tools: Tools) -> str:
        return await asyncio.to_thread(self.layout.require_there, version)

    async def activate(self, version: str, tools: Tools) -> None:
        with refusing(self.path):
            await self._have(version, self._clone(tools))
        tools.require_lease()
        await asyncio.to_thread(self.layout.point_at, version)

    async def restore(self, version: str, tools: Tools) -> None:
        """Without another look at its worktree: it served from there, whatever was changed in it."""
        tools.require_lease()
        await asyncio.to_thread(self.layout.point_at, version)

    def misses(self, started_from: Sequence[str]) -> str | None:
        return self.layout.misses(started_from)

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
