"""Which kinds of backup a target can have, by what its facets say."""

from __future__ import annotations

from receiver.backups.facet import BackupFacet
from receiver.backups.optional import missing
from receiver.decide.backups import Kind
from receiver.stores.postgres_store import PostgresFacet


def configured(facet: BackupFacet, postgres: PostgresFacet | None) -> tuple[Kind, ...]:
    """Those that there is something for."""
    return tuple(kind for kind in Kind if lacking(kind, facet, postgres) is None)


def unable(facet: BackupFacet) -> str | None:
    """Which library is missing for what the facet asks of every kind."""
    wanted = [("pyrage", facet.encrypt_to), ("aiobotocore", facet.s3)]
    return next((why for name, asked in wanted if asked and (why := missing(name))), None)


def lacking(kind: str, facet: BackupFacet, postgres: PostgresFacet | None) -> str | None:
    """What is missing for that kind, with the cure; None when nothing is."""
    if (why := unable(facet)) is not None:
        return why
    asked = {
        Kind.EXPORT: (bool(facet.tables), "an export needs `backup.tables`"),
        Kind.REDIS: (facet.redis is not None, "a copy of Redis needs `backup.redis`"),
        Kind.CONFIG: (bool(facet.config), "a backup of the configuration needs `backup.config`"),
    }
    if kind in {Kind.DATABASE, Kind.EXPORT} and postgres is None:
        return f"a backup of the {kind} needs `postgres:` beside `backup:`"
    there, why = asked.get(Kind(kind), (True, "")) if kind in set(Kind) else (True, "")
    if not there:
        return why
    return missing("zstandard") if kind in {Kind.EXPORT, Kind.CONFIG} else None
