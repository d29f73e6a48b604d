"""What `terminate_connections` and `kill_long_queries` share: sessions of roles that the target's config names."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from receiver.actions.at_store import in_time
from receiver.actions.base import Action, ActionFailed, Done, Effect
from receiver.stores.identifiers import RoleName
from receiver.stores.postgres_backends import Ended
from receiver.stores.postgres_session import Session, connected
from receiver.stores.postgres_store import PostgresFacet
from receiver.targets import Target
from receiver.tools import Tools


class ByUser(Action):
    """Touches sessions of `users` on the target's PostgreSQL, by default of all that the facet names."""

    cancel_safe: ClassVar[bool] = True

    users: Annotated[tuple[RoleName, ...], Field(min_length=1)] | None = None

    @property
    def idempotent(self) -> bool:
        return True

    def needs(self) -> str | None:
        return "postgres"

    def objection(self, target: Target) -> str | None:
        if target.postgres is None:
            return "it has no postgres facet"
        known = target.postgres.users
        if not known:
            return "its postgres facet names no `users:`, so nobody's sessions may be ended"
        foreign = [user for user in self.users or () if user not in known]
        if foreign:
            return f"{', '.join(foreign)} is none of its postgres.users: {', '.join(known)}"
        return None

    async def run(self, effect: Effect, tools: Tools) -> Done:
        objection, facet = self.objection(effect.target), effect.target.postgres
        if objection is not None or facet is None:
            raise ActionFailed(f"{effect.target.name}: {objection}", started=False)
        users = self.users or facet.users
        ended = await in_time(effect, self._connect(facet, users, tools))
        done = self._done(ended, ", ".join(users))
        if ended.left:
            raise ActionFailed(f"{done.text}; {ended.left} did not end when told to")
        return done

    async def _connect(self, facet: PostgresFacet, users: tuple[str, ...], tools: Tools) -> Ended:
        async with connected(facet, tools) as session:
            return await self._work(session, users)

    async def _work(self, session: Session, users: tuple[str, ...]) -> Ended:
        raise NotImplementedError

    def _done(self, ended: Ended, users: str) -> Done:
        raise NotImplementedError
