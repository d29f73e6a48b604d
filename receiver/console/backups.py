"""Backups: how old, how large and how well proven those of every target are, and what the last runs came to."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from aiohttp import web

from receiver.backups.showing import Shown, look
from receiver.console.frame import render
from receiver.console.page import Hall, Link, Show
from receiver.targets import Target

MOST = 20  # files of one target


class BackupPage:
    """The page /backups."""

    link: ClassVar[Link | None] = Link("Backups", "/backups")

    def __init__(self, hall: Hall) -> None:
        self._context = hall.context

    def doors(self) -> tuple[Show, ...]:
        """The one page."""
        return (Show("/backups", self.show),)

    async def show(self, request: web.Request) -> web.Response:
        """Read from what lies there now."""
        targets = self._context.settings().targets.values()
        found = await asyncio.gather(*(_look(one) for one in targets if one.backup is not None))
        return render(request, "backups.html", found=found, most=MOST, size=size)


async def _look(target: Target) -> tuple[Target, Shown]:
    assert target.backup is not None  # noqa: S101 - who calls has asked
    shown = await asyncio.to_thread(look, target.name, target.backup, target.postgres)
    return target, shown


def size(count: float | None) -> str:
    """Bytes as people read them."""
    if count is None:
        return "unknown"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
