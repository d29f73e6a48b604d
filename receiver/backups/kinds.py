"""Which kinds of backup a target can have, by what its facets say."""

from __future__ import annotations

from receiver.backups.facet import BackupFacet
from receiver.backups.optional import missing
from receiver.decide.backups import Kind
from receiver.stores.postgres_store import PostgresFacet


def configured(facet: BackupFacet, postgres: PostgresFacet | None) -> tuple[Kind, ...]:
    """Those that there is something for."""
    return tuple(kind for kind in Kind if lacking(kind, facet, postgres) is None)


def lacking(kind: str, facet: BackupFacet, postgres: PostgresFacet | None) -> str | None:
    """What is missing for that kind, with the cure; None when nothing is."""
    match kind:
        case Kind.DATABASE | Kind.EXPORT if postgres is None:
            return f"a backup of the {kind} needs `postgres:` beside `backup:`"
        case Kind.EXPORT if not facet.tables:
            return "an export needs `backup.tables`"
        case Kind.REDIS if facet.redis is None:
            return "a copy of Redis needs `backup.redis`"
        case Kind.CONFIG if not facet.config:
            return "a backup of the configuration needs `backup.config`"
        case Kind.EXPORT | Kind.CONFIG:
            return missing("zstandard")
        case _:
            return None
