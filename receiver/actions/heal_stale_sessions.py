"""Takes out sessions that are over: a table that only grows makes every login slower, and a full Redis ends them all."""

from __future__ import annotations

from receiver.actions.at_store import in_time
from receiver.actions.base import ActionFailed, Done, Effect
from receiver.actions.healing import Healing
from receiver.stores.stale_sessions import NOWHERE, heal_stale_sessions, keeps_sessions
from receiver.targets import Target
from receiver.tools import Tools


class HealStaleSessions(Healing):
    """Removes sessions that have expired, from the table in `postgres.sessions` and the keys in `redis.session_patterns`.

    Touches: at most `max_rows` rows or keys a run, `batch` at once, each batch a short transaction. Rows without an
    expiry stay, and so do rows that somebody holds locked. In Redis a session goes when it has no time to live and
    nobody has touched it for `redis.session_max_age`. With `dry_run` it counts and removes nothing. Refused: a table
    from which a foreign key would take rows of other tables along, without `cascade: true` beside it.

    Needs: `postgres.sessions` or `redis.session_patterns`. An index on `expires` is not needed, but its absence is said.
    Privileges: `GRANT SELECT, UPDATE, DELETE ON sessions TO prunella;` (UPDATE because a row is locked before it goes);
    in Redis `ACL SETUSER prunella on >PASSWORD +scan +ttl +object|idletime +eval +unlink ~sess:*`.
    """

    def objection(self, target: Target) -> str | None:
        return None if keeps_sessions(target.postgres, target.redis) else NOWHERE

    async def run(self, effect: Effect, tools: Tools) -> Done:
        target = effect.target
        objection = self.objection(target)
        if objection is not None:
            raise ActionFailed(f"{target.name}: {objection}", started=False)
        work = heal_stale_sessions(target.postgres, target.redis, self._heal(effect), tools)
        healed = await in_time(effect, work)
        return Done(healed.text, {"staleSessions": healed.removed, "found": healed.found})
