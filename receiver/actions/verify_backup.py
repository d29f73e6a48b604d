"""Proves that backups restore, which nothing else does: every week by a schedule, or whenever somebody doubts it."""

from __future__ import annotations

import asyncio
from typing import Annotated, ClassVar

from pydantic import StringConstraints

from receiver.actions.at_backup import each, ground_of
from receiver.actions.at_store import in_time
from receiver.actions.base import Action, Done, Effect
from receiver.backups.base import Ground
from receiver.backups.kinds import configured, lacking
from receiver.backups.proving import Proof, prove
from receiver.backups.showing import look
from receiver.decide.backups import Kind
from receiver.targets import Target
from receiver.tools import Tools

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$")]


class VerifyBackup(Action):
    """Proves the last backup of every kind that was made, or the one named `file`: a database is restored into a scratch
    one, every table and large object counted against what was there when it was made, and the scratch dropped; an export
    is read line by line, a configuration file by file, a copy of a Redis from its head to its end. `away` takes them
    from the bucket, as after a disaster. `restore: false` only checks the sum and that pg_restore can read it, and
    proves nothing.

    Touches: a database named `prunella_drill_…` on the server in `postgres.url`, or in `backup.drill_url`, which is gone at
    the end, and the file `<backup>.verified`.

    Needs: the facet `backup`; for a database `postgres` beside it, and room for one more copy of it. Privileges:
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
        if target.backup is None or configured(target.backup, target.postgres):
            return None
        return lacking("full", target.backup, target.postgres) or "`backup:` names nothing to keep"

    def patience(self, target: Target) -> float:
        return super().patience(target) if target.backup is None else target.backup.timeout

    def executables(self, target: Target) -> tuple[str, ...]:
        return ("pg_restore",) if target.postgres is not None else ()

    async def run(self, effect: Effect, tools: Tools) -> Done:
        proofs = await in_time(effect, self._proofs(ground_of(effect, tools)))
        text = "; ".join(one.text for one in proofs)
        return Done(text, {"backups": len(proofs), "rows": sum(one.rows for one in proofs)})

    async def _proofs(self, ground: Ground) -> list[Proof]:
        async def proven(kind: Kind) -> Proof:
            return await prove(ground, self.file, kind=kind, restore=self.restore, away=self.away)

        if self.file is not None:
            return [await proven(Kind.DATABASE)]
        return await each(ground, await asyncio.to_thread(provable, ground), proven)


def provable(ground: Ground) -> tuple[Kind, ...]:
    """What was ever made, and the database in any case: that it never was must be told, and not be passed over."""
    runs = look(ground.target, ground.facet, ground.postgres).runs
    made = tuple(kind for kind in runs if runs[kind].success or kind is Kind.DATABASE)
    return made or tuple(runs)
