"""Takes out rows that name a row which is not there: what a lost cascade or a half-done import leaves behind."""

from __future__ import annotations

from receiver.actions.at_store import in_time
from receiver.actions.base import ActionFailed, Done, Effect
from receiver.actions.healing import Healing
from receiver.stores.postgres_rows import heal_orphans
from receiver.targets import Target
from receiver.tools import Tools


class HealOrphanedRecords(Healing):
    """Removes rows of the relations in `postgres.orphans` whose reference leads nowhere; NULL is no reference.

    Touches: only the tables that `postgres.orphans` names, at most `max_rows` rows a run over all of them, `batch` at
    once, each batch a short transaction. All relations are counted before the first row goes; `dry_run` stays with
    that. Refused: no index on the referenced column; more than half of all references leading nowhere (a wrong relation
    rather than orphans; `allow_majority` where it is true all the same); a foreign key that would take rows of other
    tables along, without `cascade: true` beside the relation. A missing index on the referencing column is said.

    Privileges: `GRANT SELECT, UPDATE, DELETE ON comments TO prunella; GRANT SELECT ON posts TO prunella;`. Where row
    level security would hide rows it is an error, because what is hidden would look as if it were not there.
    """

    allow_majority: bool = False

    def needs(self) -> str | None:
        return "postgres"

    def objection(self, target: Target) -> str | None:
        if target.postgres is not None and target.postgres.orphans:
            return None
        return (
            "its postgres facet names no relation: write `orphans: [{table, column, references}]`"
        )

    async def run(self, effect: Effect, tools: Tools) -> Done:
        objection, facet = self.objection(effect.target), effect.target.postgres
        if objection is not None or facet is None:
            raise ActionFailed(f"{effect.target.name}: {objection}", started=False)
        heal = self._heal(effect, allow_majority=self.allow_majority)
        healed = await in_time(effect, heal_orphans(facet, heal, tools))
        return Done(healed.text, {"orphanedRecords": healed.removed, "found": healed.found})
