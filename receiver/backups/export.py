"""Tables as JSON lines, from one moment, compressed on the way: what can be read in ten years, and by other than PostgreSQL.

The server makes the JSON, and rows are never held: what is in memory at any time is one buffer, whatever a table's size.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.catalog import Snapshot, Table, snapshot
from receiver.backups.dump import told
from receiver.backups.files import make_private
from receiver.backups.manifest import Manifest
from receiver.backups.optional import library
from receiver.decide.backups import Kind, differences
from receiver.stores.identifiers import parts_of, quoted

BUFFER = 1 << 20
LEVEL = 3
_FIND = """
    SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'r' AS plain
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)
"""


async def make_export(ground: Ground, path: Path, at: str) -> Manifest:
    """Writes the configured tables to `path` and says how many rows of each. Raises BackupError."""
    counted: dict[str, int] = {}
    async with snapshot(ground.database) as moment:
        found = [await _find(moment, name) for name in ground.facet.tables]
        make_private(path)
        with path.open("wb") as file:
            sink = _Sink(file)
            async with told(ground, path):
                for table, plain in found:
                    before = sink.lines
                    await _copy(moment, sink, table, plain=plain)
                    counted[".".join(table)] = sink.lines - before
            sink.end()
        properties = await moment.properties()
    return Manifest(ground.target, Kind.EXPORT, at, counted, {}, properties)


async def _find(moment: Snapshot, named: str) -> tuple[Table, bool]:
    row = await moment.db.fetchrow(_FIND, quoted(*parts_of(named)))
    if row is None:
        raise BackupError(f"there is no table {named}: correct backup.tables", started=False)
    return (row["schema"], row["name"]), row["plain"]


async def _copy(moment: Snapshot, sink: _Sink, table: Table, *, plain: bool) -> None:
    head = json.dumps({"table": ".".join(table)}, ensure_ascii=False)[:-1] + ', "row": '
    literal = head.replace("\\", "\\\\").replace("'", "''")
    # a partitioned table has its rows in others, and those that inherit from a plain one are tables of their own
    source = f"ONLY {quoted(*table)}" if plain else quoted(*table)
    await moment.db.copy_from_query(
        # `t` alone would be a column of that name, where there is one
        f"SELECT E'{literal}' || row_to_json(t.*)::text || '}}' FROM {source} AS t",  # noqa: S608 - quoted, and from the catalogue
        output=sink.take,
        # as CSV with marks that JSON never holds nothing is escaped: what comes is JSON as it stands
        format="csv",
        delimiter="\x02",
        quote="\x01",
    )
    await sink.flush()


class _Sink:
    """Compresses and writes what it takes, a buffer at a time and in a thread."""

    def __init__(self, file: BinaryIO) -> None:
        self.lines = 0
        self._file = file
        self._compressor: Any = (
            library("zstandard").ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
        )
        self._buffer = bytearray()

    async def take(self, chunk: bytes) -> None:
        self.lines += chunk.count(b"\n")
        self._buffer += chunk
        if len(self._buffer) >= BUFFER:
            await self.flush()

    async def flush(self) -> None:
        full, self._buffer = self._buffer, bytearray()
        await asyncio.to_thread(self._write, bytes(full))

    def end(self) -> None:
        self._file.write(self._compressor.flush())

    def _write(self, data: bytes) -> None:
        self._file.write(self._compressor.compress(data))


def check_export(path: Path, manifest: Manifest) -> dict[str, int]:
    """Reads every line of it against its manifest. Raises Disproved."""
    expected, found = manifest.tables, Counter[str]()
    try:
        with path.open("rb") as file:
            for line in _lines(file):
                found[json.loads(line)["table"]] += 1
    except (library("zstandard").ZstdError, ValueError, KeyError, TypeError) as error:
        raise Disproved(f"{path.name} cannot be read to its end: {error}") from error
    wrong = differences({name: n for name, n in expected.items() if n}, found)
    if wrong:
        raise Disproved(f"{path.name} does not hold what its manifest says: {wrong}")
    return dict(expected)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """One at a time. A stream that ends too early would look like one that is over."""
    reader, rest = library("zstandard").ZstdDecompressor().decompressobj(), bytearray()
    while chunk := file.read(BUFFER):
        rest += reader.decompress(chunk)
        *whole, last = rest.split(b"\n")
        rest = bytearray(last)
        yield from map(bytes, whole)
    if rest or not reader.eof:
        raise ValueError("it breaks off")
