"""Releases that CI lays side by side: going back is one link that is moved, and nothing that has to be built or fetched."""

from __future__ import annotations

import asyncio

from receiver.strategies.side_by_side import SideBySide
from receiver.strategies.wholeness import require_room, require_whole
from receiver.tools import Tools


class Symlink(SideBySide):
    """A folder of releases, `path/releases/<version>/`, and the link `path/current` to one of them, as Capistrano,
    Deployer and most scripts lay them. Going back moves the link, in one step, and the process manager reloads.

    Before anything is touched the release is looked at: it is a folder, not empty, every file can be read, no link in it
    leads to nothing (a shared config that has moved), `requires` (paths inside it, such as `node_modules`) are there, and
    what is listed in `.prunella-manifest`, or in a `MANIFEST` that `sha256sum` wrote, is what it was. `room` bytes are free.
    Which release is the older one is never read from the disk. Nothing is ever deleted.

    The process manager must start the app through `path/current`: docs/releases.md.

    Privileges: the receiver's user writes to `path`, and reads every file of the releases.
    """

    async def preflight(self, version: str, tools: Tools) -> str:
        return await asyncio.to_thread(self._look, version)

    async def activate(self, version: str, tools: Tools) -> None:
        await self._point_at(version, tools)

    def _look(self, version: str) -> str:
        folder = self.layout.folder(version)
        self.layout.require_free()
        seen = require_whole(folder, self.requires)
        free = require_room(self.path, self.room)
        return f"{folder}: {seen}; {free} bytes free"
