"""Lets go of backups that are old enough, when there is no time to wait for the next one: the disk is nearly full."""

from __future__ import annotations

from typing import ClassVar

from receiver.actions.at_backup import ground_of
from receiver.actions.at_store import in_time
from receiver.actions.base import Action, Done, Effect
from receiver.backups.making import clean_up
from receiver.tools import Tools


class PruneBackups(Action):
    """Lets go of the backups that `keep` and `keep_last` do not hold, and takes away what broken-off runs left.

    Touches: files below `backup.directory` and objects in `backup.s3` that are named after the target. Never the last one
    that was proven to restore, and nothing when the last run failed.

    Needs: the facet `backup`.
    """

    disruptive: ClassVar[bool] = False

    @property
    def idempotent(self) -> bool:
        return True

    def needs(self) -> str | None:
        return "backup"

    async def run(self, effect: Effect, tools: Tools) -> Done:
        gone = await in_time(effect, clean_up(ground_of(effect, tools)))
        text = f"{len(gone)} let go: {', '.join(gone)}" if gone else "nothing is old enough to go"
        return Done(text[:500], {"pruned": len(gone)})
