"""Stops PostgreSQL queries that run for too long, so that those behind them get on; the sessions stay."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prunella.service.settings import Duration
from receiver.actions.base import Done
from receiver.actions.by_user import ByUser
from receiver.stores.postgres_backends import QUERYING, Ended, Wanted, stop_queries
from receiver.stores.postgres_session import Session


class KillLongQueries(ByUser):
    """Cancels queries that have been running for more than `longer_than`, and waits until they have ended.

    Touches: queries of `users` (by default all that `postgres.users` names) in the url's database or in
    `postgres.databases`. A cancelled query fails in the application, its session goes on. With `terminate` the session
    of a query that ignores this for 5 s is ended, too; without it that is a failure.

    Never: superusers, roles with REPLICATION, walsenders and holders of a replication slot, autovacuum and other
    background processes, VACUUM, ANALYZE, CREATE INDEX and CLUSTER at work, the programs in `postgres.protect` (pg_dump
    and its like), and Prunella's own sessions, whatever the receiver's role may do.

    Privileges: `GRANT pg_read_all_stats, pg_signal_backend TO prunella;` (superusers cannot be cancelled even so).
    """

    longer_than: Annotated[Duration, Field(ge=1)] = 60.0
    terminate: bool = False

    async def _work(self, session: Session, users: tuple[str, ...]) -> Ended:
        wanted = Wanted(users, QUERYING, self.longer_than)
        return await stop_queries(session, wanted, terminate=self.terminate)

    def _done(self, ended: Ended, users: str) -> Done:
        text = (
            f"cancelled {ended.cancelled} of {ended.found} queries of {users} that ran for more than"
            f" {self.longer_than:g} s, and ended {ended.terminated} sessions{ended.beside}"
        )
        return Done(text, {"cancelled": ended.cancelled, "terminated": ended.terminated})
