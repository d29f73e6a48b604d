"""`GET /api/v1/backups`: what there is to restore from, and what became of the last runs."""

from __future__ import annotations

import asyncio
from typing import TypedDict

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.described import describes
from receiver.backups.showing import TargetShown, as_json, away, look
from receiver.stages.context import Context
from receiver.unknown import unknown


class BackupList(TypedDict):
    """Target by target."""

    targets: list[TargetShown]


class Backups:
    """The route."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @describes({200: BackupList}, refuses=(404,), query={"target": str, "away": str})
    async def list(self, request: web.Request) -> web.Response:
        """Every target with a `backup:`, or the one in `?target=`; with `?away` what is in its buckets, too."""
        wanted = request.query.get("target")
        targets = {
            name: target
            for name, target in self._context.settings().targets.items()
            if target.backup is not None
        }
        if wanted is not None and wanted not in targets:
            said = unknown("target with `backup:`", wanted, targets)
            raise Refused(404, "unknown_target", said)
        found = []
        for name, target in targets.items():
            if target.backup is not None and wanted in {None, name}:
                facets = target.backup, target.postgres
                shown = as_json(name, target.backup, await asyncio.to_thread(look, name, *facets))
                if "away" in request.query:
                    shown["away"] = await away(name, *facets, self._context.tools)
                found.append(shown)
        listed: BackupList = {"targets": found}
        return web.json_response(listed)
