"""Stale sessions wherever a target keeps them: in a PostgreSQL table, in Redis, or in both, with one allowance of rows."""

from __future__ import annotations

from dataclasses import replace

from receiver.stores.base import StoreError
from receiver.stores.postgres_rows import Heal, Healed, heal_sessions
from receiver.stores.postgres_store import PostgresFacet
from receiver.stores.redis_sessions import StaleSessions, stale_sessions
from receiver.stores.redis_store import RedisFacet
from receiver.tools import Tools

NOWHERE = (
    "no sessions are configured: write `postgres.sessions: {table, expires}` or `redis.session_patterns`"
    " into the target"
)


def keeps_sessions(postgres: PostgresFacet | None, redis: RedisFacet | None) -> bool:
    """Whether it is known where the sessions are."""
    return _in_postgres(postgres) is not None or _in_redis(redis) is not None


async def heal_stale_sessions(
    postgres: PostgresFacet | None, redis: RedisFacet | None, heal: Heal, tools: Tools
) -> Healed:
    """Takes them out, first of PostgreSQL and then of Redis. Raises StoreError."""
    done = Healed(0, 0, "")
    table, keys = _in_postgres(postgres), _in_redis(redis)
    if table is None and keys is None:
        raise StoreError(NOWHERE, started=False)
    if table is not None:
        done = await heal_sessions(table, heal, tools)
    rest = heal.max_rows - done.removed
    if keys is None or rest < 1:
        return done
    try:
        there = await _heal_keys(keys, replace(heal, max_rows=rest), tools)
    except StoreError as error:
        before = f" ({done.text})" if done.text else ""
        started = error.started or done.removed > 0
        raise StoreError(f"{error}{before}", started=started, unknown=error.unknown) from error
    text = "; ".join(part for part in (done.text, there.text) if part)
    return Healed(done.removed + there.removed, done.found + there.found, text)


async def _heal_keys(facet: RedisFacet, heal: Heal, tools: Tools) -> Healed:
    wish = StaleSessions(facet, heal.max_rows, heal.batch, heal.dry_run)
    swept = await stale_sessions(wish, tools)
    if heal.dry_run:
        said = f"dry run: {swept.deleted:,} of {swept.scanned:,} sessions in Redis would be removed"
        return Healed(0, swept.deleted, said)
    said = f"removed {swept.deleted:,} of {swept.scanned:,} sessions in Redis"
    return Healed(swept.deleted, swept.deleted, said)


def _in_postgres(facet: PostgresFacet | None) -> PostgresFacet | None:
    return facet if facet is not None and facet.sessions is not None else None


def _in_redis(facet: RedisFacet | None) -> RedisFacet | None:
    return facet if facet is not None and facet.session_patterns else None
