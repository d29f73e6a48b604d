"""Makes a backup: what a playbook does when the last one failed, and a schedule every night."""

from __future__ import annotations

from typing import ClassVar, Literal

from receiver.actions.at_backup import each, ground_of
from receiver.actions.at_store import in_time
from receiver.actions.base import Action, ActionFailed, Done, Effect
from receiver.backups.base import Ground
from receiver.backups.kinds import configured, lacking
from receiver.backups.making import back_up
from receiver.decide.backups import Kind
from receiver.targets import Target
from receiver.tools import Tools


class Backup(Action):
    """Makes a backup of that `kind`; `full` is every kind that the facet has something for.

    Touches: files below `backup.directory` and objects in `backup.s3` that are named after the target; nothing else, and
    in the database nothing at all. What is there under its own name is whole: checked, summed and on the disk. Older ones
    are let go after a success only. While it runs no other action begins on the target, so give a target that is repaired
    a second one for its backups.

    Needs: the facet `backup`, and `postgres` beside it for `database` and `export`. Privileges: see the facet.
    """

    disruptive: ClassVar[bool] = False
    goes_on: ClassVar[bool] = True  # what was cut off is nothing: it is made from the beginning
    cancel_safe: ClassVar[bool] = False

    kind: Literal["full", "database", "export", "config", "redis"] = "full"

    @property
    def idempotent(self) -> bool:
        return True

    def needs(self) -> str | None:
        return "backup"

    def objection(self, target: Target) -> str | None:
        if target.backup is None:
            return None
        return lacking(self.kind, target.backup, target.postgres)

    def patience(self, target: Target) -> float:
        return super().patience(target) if target.backup is None else target.backup.timeout

    def executables(self, target: Target) -> tuple[str, ...]:
        return ("pg_dump", "pg_restore") if target.postgres is not None else ()

    async def run(self, effect: Effect, tools: Tools) -> Done:
        ground = ground_of(effect, tools)
        objection = self.objection(effect.target)
        if objection is not None:
            raise ActionFailed(f"{effect.target.name}: {objection}", started=False)
        one = () if self.kind == "full" else (Kind(self.kind),)
        kinds = one or configured(ground.facet, ground.postgres)
        return await in_time(effect, _each(ground, kinds))


async def _each(ground: Ground, kinds: tuple[Kind, ...]) -> Done:
    made = await each(ground, kinds, lambda kind: back_up(ground, kind))
    counts = {
        "backups": len(made),
        "bytes": sum(one.size for one in made),
        "rows": sum(one.manifest.rows for one in made),
        "pruned": sum(one.pruned for one in made),
    }
    return Done("; ".join(one.text for one in made), counts)
