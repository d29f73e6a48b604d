"""Bringing a database back: restored beside, compared, and then the two names are exchanged in one transaction.

Until then whoever uses the database notices nothing, and whatever goes wrong leaves it as it is.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from prunella.logs import create_logger
from receiver.backups import files
from receiver.backups.base import BackupError, Ground
from receiver.backups.catalog import dialled, moment_of, snapshot
from receiver.backups.encryption import identity_for, readable
from receiver.backups.exchange import exchange
from receiver.backups.libpq import database_of
from receiver.backups.manifest import Manifest, read_manifest
from receiver.backups.proving import choose, compare, restore_into
from receiver.backups.scratch import (
    MAINTENANCE,
    RESTORING,
    create,
    dress,
    drop,
    elsewhere,
    give,
    left_restoring,
    managing,
    named_like,
    restoring_alone,
)
from receiver.decide.backups import Kind
from receiver.stores.identifiers import quoted
from receiver.stores.postgres_store import PostgresFacet

log = create_logger("prunella.receiver.backups")
SERVERS_OWN = (*MAINTENANCE, "template0")
_USED = """
    SELECT (SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (
              SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
         + (SELECT count(*) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (
              SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'))
         + (SELECT count(*) FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND t.typtype IN ('d', 'e', 'r') AND NOT EXISTS (
              SELECT FROM pg_depend AS d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'))
         + (SELECT count(*) FROM pg_largeobject_metadata)
"""
_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. `objects` is what lies in the database now: None when there is no such database; `left` are
    those that a restore was filling when it was killed."""

    path: Path
    manifest: Manifest
    size: int
    place: PostgresFacet
    objects: int | None
    sessions: int
    replace: bool
    owners: bool = True
    left: tuple[str, ...] = ()

    @property
    def database(self) -> str:
        """Its name."""
        return database_of(self.place.dialled)

    @property
    def refusal(self) -> str:
        """Why it will not be done; empty when nothing speaks against it."""
        if self.database in SERVERS_OWN:
            return f"{self.place.named} is the server's own, by which others are made and managed: name another database"
        if self.objects and not self.replace:
            return (
                f"{self.place.named} is not empty ({self.objects:,} objects): nothing is done to it. Restore into"
                " another database with --to, or say --replace"
            )
        return ""

    @property
    def steps(self) -> tuple[str, ...]:
        """For people, in order."""
        there = {None: "is not there", 0: "is there and empty"}.get(
            self.objects, f"holds {self.objects or 0:,} objects, {self.sessions:,} sessions use it"
        )
        swap = {
            None: f"the new database is named {self.database}",
            0: f"the empty {self.database} is dropped, the new one gets its name",
        }.get(
            self.objects,
            f"its sessions are ended, it is kept as {self.database}_before_…, the new one gets its name",
        )
        held = f"{moment_of(self.manifest.tables)}, {self.size / 1e6:,.1f} MB"
        return (
            f"{self.path.name}, made at {self.manifest.at}: {held}",
            f"{self.place.named} {there}",
            *(f"{one} is left of a restore that was killed, and is dropped" for one in self.left),
            "its sum is checked; it is restored into a new database beside, and every table counted",
            f"only then, in one transaction: {swap}",
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there now, and what is to be done next."""

    text: str
    after: tuple[str, ...]


async def plan(
    ground: Ground, name: str | None, to: str | None, *, replace: bool, owners: bool = True
) -> Plan:
    """Looks, and changes nothing. Raises BackupError."""
    await asyncio.to_thread(files.check_place, ground.facet.directory)
    backup = await choose(ground, name)
    if backup.kind is not Kind.DATABASE:
        raise BackupError(
            f"{backup.name} is no dump: docs/disaster.md says how to use one of {backup.kind}",
            started=False,
        )
    if backup.encrypted:  # told now, and not when the sum of a large file was checked
        identity_for(backup.name, ground.facet)
    path = ground.facet.directory / backup.name
    place = ground.database if to is None else _place(to)
    objects, sessions, left = await _looked_at(place)
    manifest = await asyncio.to_thread(read_manifest, path)
    return Plan(path, manifest, backup.size, place, objects, sessions, replace, owners, left)


def _place(url: str) -> PostgresFacet:
    try:
        return PostgresFacet.model_validate({"url": url})
    except ValidationError as error:
        raise BackupError(f"--to {error.errors()[0]['msg']}", started=False) from None


async def _looked_at(place: PostgresFacet) -> tuple[int | None, int, tuple[str, ...]]:
    name = database_of(place.dialled)
    async with managing(place) as db:
        left = await left_restoring(db, name)
        if not await db.fetchval(
            "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name
        ):
            return None, 0, left
        sessions = int(await db.fetchval(_SESSIONS, name))
    async with dialled(place) as db:
        return int(await db.fetchval(_USED)), sessions, left


async def restore(ground: Ground, planned: Plan) -> Restored:
    """Does it. Raises BackupError; the database is as it was then, unless the text says otherwise."""
    if planned.refusal:
        raise BackupError(planned.refusal, started=False)
    directory = ground.facet.directory
    with files.alone(directory, ground.target):
        await ground.tools.progress("checking its sum")
        await asyncio.to_thread(files.check_sum, planned.path)
        began = ground.tools.clock.monotonic()
        async with restoring_alone(planned.place, planned.database) as db:
            for one in planned.left:
                await drop(db, one)
            beside = named_like(planned.database, RESTORING)
            await create(db, beside, planned.manifest.database)
            kept, left = await _brought_back(ground, planned, beside)
    doubt = await counted_again(planned)
    found = _restored(planned, ground.tools.clock.monotonic() - began, kept, left)
    return Restored(found.text, (*doubt, *found.after))


async def _brought_back(ground: Ground, planned: Plan, beside: str) -> tuple[str, tuple[str, ...]]:
    """Under its own name; the name of the one that was there, and what could not be set."""
    swapped = False
    try:
        left = await _filled(ground, planned, beside, await _like(planned))
        kept = await _swapped(ground, planned, beside)
        swapped = True
    finally:
        if not swapped:
            await asyncio.shield(asyncio.ensure_future(_away(planned.place, beside)))
    return kept, left


async def counted_again(planned: Plan) -> tuple[str, ...]:
    """What differs under its own name: whoever uses it may be writing there already, so that it is told, and no failure."""
    try:
        await compare(planned.place, planned.manifest)
    except BackupError as error:
        return (f"every row was there before the names were exchanged; since then: {error}",)
    return ()


async def _like(planned: Plan) -> dict[str, str]:
    """Owner, settings and privileges: of the database that is replaced, or else of the one that was dumped."""
    if planned.objects is None:
        return dict(planned.manifest.database)
    async with snapshot(planned.place) as moment:
        return await moment.properties()


async def _filled(
    ground: Ground, planned: Plan, beside: str, like: dict[str, str]
) -> tuple[str, ...]:
    place = elsewhere(planned.place, beside)
    await ground.tools.progress(f"restoring into {beside}")
    options = () if planned.owners else ("--no-owner", "--no-privileges")
    if planned.owners and like.get("owner"):
        # whoever owns the database may make things in it, and so may those be given to him
        async with managing(planned.place) as db:
            await give(db, beside, like["owner"])
    async with readable(planned.path, ground.facet) as plain:
        await restore_into(ground, plain, place, options)
    await ground.tools.progress("counting every table")
    await compare(place, planned.manifest)
    async with dialled(place) as db:
        await db.execute("ANALYZE")
    async with managing(planned.place) as db:
        return await dress(db, beside, like if planned.owners else {**like, "owner": ""})


async def _swapped(ground: Ground, planned: Plan, beside: str) -> str:
    """Exchanges the names; the name under which the old one is kept, empty when there was none."""
    name = planned.database
    stamp = datetime.fromtimestamp(ground.tools.clock.now(), UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = named_like(name, "before", stamp)
    await ground.tools.progress("exchanging the names")
    if planned.objects is None:
        async with managing(planned.place) as db:
            await db.execute(f"ALTER DATABASE {quoted(beside)} RENAME TO {quoted(name)}")
        return ""
    await exchange(ground, planned.place, name, beside, kept)
    if planned.objects == 0:
        await _away(planned.place, kept)
        return ""
    return kept


async def _away(place: PostgresFacet, name: str) -> None:
    with suppress(BackupError):
        async with managing(place) as db:
            await drop(db, name)


def _restored(planned: Plan, took: float, kept: str, left: tuple[str, ...]) -> Restored:
    rows, tables = planned.manifest.rows, len(planned.manifest.tables)
    text = (
        f"{planned.place.named} is what it was at {planned.manifest.at}: {rows:,} rows in {tables:,} tables, counted"
        f" after the restore; it took {took:,.1f} s"
    )
    after = [
        *(f"could not be set, do it by hand: {order}" for order in left),
        "restart what uses the database, so that no pool holds sessions that were ended",
        f"what was written after {planned.manifest.at} is not in it: see docs/disaster.md for what to look up",
    ]
    if kept:
        gone = f"psql -d postgres -c 'DROP DATABASE \"{kept}\"'"
        after.append(
            f"the old database is kept as {kept}; when nobody misses anything in the new one: {gone}"
        )
    return Restored(text, tuple(after))
