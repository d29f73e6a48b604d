"""Releases that lie side by side on the disk, with a link to the one that serves: what is the same however they got there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from prunella.service.settings import LocalPath, Size
from receiver.strategies.base import Strategy
from receiver.strategies.layout import Layout
from receiver.strategies.wholeness import InnerPath
from receiver.tools import Tools


class SideBySide(Strategy):
    """`path/releases/<version>/`, and `path/current` to one of them; how a release is looked at is the strategy's own."""

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

    async def way_back(self, version: str, tools: Tools) -> str:
        return await asyncio.to_thread(self.layout.require_there, version)

    def misses(self, started_from: Sequence[str]) -> str | None:
        return self.layout.misses(started_from)

    async def _point_at(self, version: str, tools: Tools) -> None:
        tools.require_lease()
        await asyncio.to_thread(self.layout.point_at, version)
