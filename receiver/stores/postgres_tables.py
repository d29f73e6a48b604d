"""What has to be known of a table before a row of it may go: where it is, of what type a column, what hangs on it."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.stores.base import StoreError
from receiver.stores.identifiers import TableName, parts_of, quoted
from receiver.stores.postgres_session import Session

_TABLE = """
    SELECT c.oid, c.relkind::text AS kind, format('%I.%I', n.nspname, c.relname) AS named
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = to_regclass($1)
"""
# a ctid says where a row lies in one file: of a partitioned or inherited table each file is worked at by itself
_LEAVES = """
    WITH RECURSIVE tree AS (
      SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.oid)
    SELECT c.oid, c.relkind::text AS kind, format('%I.%I', n.nspname, c.relname) AS named,
           pg_relation_size(c.oid) / current_setting('block_size')::bigint AS blocks
    FROM tree JOIN pg_class AS c ON c.oid = tree.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind <> 'p' ORDER BY c.oid
"""
_COLUMN = """
    SELECT a.attnum, format_type(a.atttypid, NULL) AS type FROM pg_attribute AS a
    WHERE a.attrelid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped
"""
_INDEX = """
    SELECT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = $1 AND i.indkey[0] = $2
                   AND i.indisvalid AND i.indisready AND i.indpred IS NULL) AS there
"""
_FOLLOWERS = """
    SELECT DISTINCT format('%s (%s)', k.conrelid::regclass, k.conname) AS named FROM pg_constraint AS k
    WHERE k.contype = 'f' AND k.confrelid = ANY($1::oid[]) AND k.confdeltype IN ('c', 'n', 'd')
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A file that rows lie in, as SQL names it, and how long it is."""

    named: str
    blocks: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is there, as SQL names it, with the files that it is made of."""

    oid: int
    named: str
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of it, as SQL names it; `indexed` when an index over all rows begins with it."""

    named: str
    type: str
    indexed: bool


async def find_table(session: Session, name: TableName) -> Table:
    """The table of that name. Raises StoreError when there is none, or when it is something else."""
    rows = await session.ask(_TABLE, quoted(*parts_of(name)))
    if not rows:
        raise never(session, f"there is no table {name}, or the role may not see it")
    leaves = await session.ask(_LEAVES, rows[0]["oid"])
    if any(leaf["kind"] != "r" for leaf in leaves):
        raise never(session, f"{name} is a view or a foreign table, or has one among its parts")
    files = tuple(Leaf(leaf["named"], leaf["blocks"]) for leaf in leaves)
    return Table(rows[0]["oid"], rows[0]["named"], files)


async def find_column(session: Session, table: Table, name: str) -> Column:
    """That column of the table. Raises StoreError when there is none."""
    rows = await session.ask(_COLUMN, table.oid, name)
    if not rows:
        raise never(session, f"{table.named} has no column {quoted(name)}")
    (index,) = await session.ask(_INDEX, table.oid, rows[0]["attnum"])
    return Column(quoted(name), rows[0]["type"], index["there"])


async def require_no_followers(session: Session, table: Table, cascade: bool) -> None:
    """That nothing else goes or changes with a row, unless that is meant. Raises StoreError."""
    tables = [leaf["oid"] for leaf in await session.ask(_LEAVES, table.oid)]
    rows = [] if cascade else await session.ask(_FOLLOWERS, [table.oid, *tables])
    if rows:
        names = ", ".join(row["named"] for row in rows)
        raise never(
            session,
            f"with a row of {table.named} rows of other tables would go or change: {names}."
            " Say `cascade: true` beside the table if that is meant; max_rows does not count them",
        )


def never(session: Session, why: str) -> StoreError:
    """What is wrong before anything was done."""
    return StoreError(f"{session.facet.named}: {why}", started=False)
