"""Releases that CI lays side by side: going back is one link that is moved, and nothing that has to be built or fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from prunella.service.settings import LocalPath, Size
from receiver.strategies.base import Strategy
from receiver.strategies.layout import Layout
from receiver.strategies.wholeness import InnerPath, require_room, require_whole
from receiver.tools import Tools


class Symlink(Strategy):
    """A folder of releases, `path/releases/<version>/`, and the link `path/current` to one of them, as Capistrano,
    Deployer and most scripts lay them. Going back moves the link, in one step, and the process manager reloads.

    Before anything is touched the release is looked at: it is a folder, not empty, every file can be read, no link in it
    leads to nothing (a shared config that has moved), `requires` (paths inside it, such as `node_modules`) are there, and
    what is listed in `.prunella-manifest`, or in a `MANIFEST` that `sha256sum` wrote, is what it was. `room` bytes are free.
    Which release is the older one is never read from the disk. Nothing is ever deleted.

    The process manager must start the app through `path/current`: docs/releases.md.

    Privileges: the receiver's user writes to `path`, and reads every file of the releases.
    """

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
        return await asyncio.to_thread(self._look, version)

    async def way_back(self, version: str, tools: Tools) -> str:
        return await asyncio.to_thread(self.layout.require_there, version)

    async def activate(self, version: str, tools: Tools) -> None:
        tools.require_lease()
        await asyncio.to_thread(self.layout.point_at, version)

    def misses(self, started_from: Sequence[str]) -> str | None:
        return self.layout.misses(started_from)

    def _look(self, version: str) -> str:
        folder = self.layout.folder(version)
        self.layout.require_free()
        seen = require_whole(folder, self.requires)
        free = require_room(self.path, self.room)
        return f"{folder}: {seen}; {free} bytes free"
