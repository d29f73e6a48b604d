"""Ends PostgreSQL sessions that hold what others need: a transaction that nobody goes on with, a pool that leaked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prunella.service.settings import Duration
from receiver.actions.base import Done
from receiver.actions.by_user import ByUser
from receiver.stores.postgres_backends import Ended, State, Wanted, end_sessions
from receiver.stores.postgres_session import Session


class TerminateConnections(ByUser):
    """Ends sessions that have been in one of `states` for more than `older_than`, and waits until they are gone.

    Touches: sessions of `users` (by default all that `postgres.users` names) in the url's database or in
    `postgres.databases`. The age is that of the transaction for `idle in transaction` (and its `(aborted)`), of the
    statement for `active`, of the idleness for `idle`. A transaction that is ended is rolled back by PostgreSQL. `idle`
    sessions are what a connection pool is made of: ask for them only where the pool opens new ones by itself.

    Never: superusers, roles with REPLICATION, walsenders and holders of a replication slot, background processes,
    VACUUM, ANALYZE, CREATE INDEX and CLUSTER at work, the programs in `postgres.protect` (pg_dump and its like), and
    Prunella's own sessions, whatever the receiver's role may do. Prepared transactions are no sessions and stay.

    A server that is full lets the receiver in no more than others, which is waited for until `postgres.connect_timeout`:
    leave it room by `ALTER ROLE app CONNECTION LIMIT 90;`.

    Privileges: `GRANT pg_read_all_stats, pg_signal_backend TO prunella;` (superusers cannot be ended even so).
    """

    states: Annotated[tuple[State, ...], Field(min_length=1)] = ("idle in transaction",)
    older_than: Annotated[Duration, Field(ge=1)] = 300.0

    async def _work(self, session: Session, users: tuple[str, ...]) -> Ended:
        return await end_sessions(session, Wanted(users, self.states, self.older_than))

    def _done(self, ended: Ended, users: str) -> Done:
        text = (
            f"terminated {ended.terminated} of {ended.sessions} sessions of {users}"
            f" ({' or '.join(self.states)} for more than {self.older_than:g} s){ended.beside}"
        )
        return Done(text, {"terminated": ended.terminated})
