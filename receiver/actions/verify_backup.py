"""Proves that a backup restores, which nothing else does: every week by a schedule, or whenever somebody doubts it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import StringConstraints

from receiver.actions.at_backup import ground_of
from receiver.actions.at_store import in_time
from receiver.actions.base import Action, Done, Effect
from receiver.backups.proving import prove
from receiver.targets import Target
from receiver.tools import Tools

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$")]


class VerifyBackup(Action):
    """Restores the last backup of the database, or the one named `file`, into a scratch database, counts every table and
    large object against what was there when it was made, and drops the scratch. `away` takes it from the bucket, as after a
    disaster. `restore: false` only checks the sum and that pg_restore can read it, and proves nothing.

    Touches: a database named `prunella_drill_…` on the server in `postgres.url`, or in `backup.drill_url`, which is gone at
    the end, and the file `<backup>.verified`. An export is read line by line, a configuration file by file.

    Needs: the facet `backup`, `postgres` beside it, room for one more copy of the database. Privileges:
    `ALTER ROLE prunella CREATEDB;`, and whatever its extensions need to be created.
    """

    disruptive: ClassVar[bool] = False
    goes_on: ClassVar[bool] = True  # what was cut off is nothing: it is made from the beginning

    file: FileName | None = None
    restore: bool = True
    away: bool = False

    @property
    def idempotent(self) -> bool:
        return True

    def needs(self) -> str | None:
        return "backup"

    def objection(self, target: Target) -> str | None:
        if self.file is None and target.postgres is None:
            return "without `file` it proves a dump, which needs `postgres:` beside `backup:`"
        return None

    def patience(self, target: Target) -> float:
        return super().patience(target) if target.backup is None else target.backup.timeout

    def executables(self, target: Target) -> tuple[str, ...]:
        return ("pg_restore",) if target.postgres is not None else ()

    async def run(self, effect: Effect, tools: Tools) -> Done:
        ground = ground_of(effect, tools)
        proof = await in_time(
            effect, prove(ground, self.file, restore=self.restore, away=self.away)
        )
        return Done(f"{proof.name}: {proof.text}", {"rows": proof.rows})
