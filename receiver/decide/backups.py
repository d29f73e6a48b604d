"""What a backup is called, which ones may go, and whether what came back is what went in.

The names are the only catalogue: whoever finds the files, in a directory or a bucket, can tell what each of them is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

PARTIAL, SUM, MANIFEST, VERIFIED, AGE = ".partial", ".sha256", ".manifest.json", ".verified", ".age"
BESIDE = (SUM, MANIFEST, VERIFIED)
_STAMP = "%Y%m%dT%H%M%SZ"
_MOST_NAMED = 5


class Kind(StrEnum):
    """What is kept."""

    DATABASE = "database"
    EXPORT = "export"
    CONFIG = "config"
    REDIS = "redis"


ENDINGS: Mapping[Kind, str] = {
    Kind.DATABASE: ".dump",
    Kind.EXPORT: ".jsonl.zst",
    Kind.CONFIG: ".tar.zst",
    Kind.REDIS: ".rdb",
}
_NAME = re.compile(
    r"(?P<target>.+)-(?P<kind>database|export|config|redis)-(?P<at>\d{8}T\d{6}Z)(?P<ending>\.dump|\.jsonl\.zst|\.tar\.zst|\.rdb)(?:\.age)?"
)


@dataclass(frozen=True, slots=True)
class Backup:
    """One that is whole; times in unix seconds, `verified_at` 0 for never."""

    name: str
    target: str
    kind: Kind
    at: float
    size: int = 0
    verified_at: float = 0.0

    @property
    def encrypted(self) -> bool:
        """Whether it has to be decrypted before anything can read it."""
        return self.name.endswith(AGE)


def file_name(target: str, kind: Kind, at: float, *, encrypted: bool = False) -> str:
    """`<target>-<kind>-<UTC>` with its ending."""
    stamp = datetime.fromtimestamp(int(at), UTC).strftime(_STAMP)
    return f"{target}-{kind}-{stamp}{ENDINGS[kind]}{AGE if encrypted else ''}"


def parse_name(target: str, name: str) -> Backup | None:
    """The backup of this target that a file of this name is; None for everything else that lies there."""
    found = _NAME.fullmatch(name)
    if found is None or found["target"] != target:
        return None
    kind = Kind(found["kind"])
    if found["ending"] != ENDINGS[kind]:
        return None
    try:
        at = datetime.strptime(found["at"], _STAMP).replace(tzinfo=UTC)
    except ValueError:  # digits that are no time
        return None
    return Backup(name, target, kind, at.timestamp())


def newest(backups: Iterable[Backup], kind: Kind) -> Backup | None:
    """The last one of that kind."""
    return max((one for one in backups if one.kind is kind), key=lambda one: one.at, default=None)


def last_verified(backups: Iterable[Backup], kind: Kind) -> Backup | None:
    """The newest of that kind that was proven to restore."""
    return newest((one for one in backups if one.verified_at > 0), kind)


def prunable(
    backups: Sequence[Backup], *, keep: float, keep_last: int, now: float
) -> tuple[Backup, ...]:
    """Those that may go, oldest first: older than `keep`, not among the last `keep_last` of their kind, and not the
    last one that was proven to restore."""
    return tuple(
        sorted(
            (one for kind in Kind for one in _of_a_kind(backups, kind, keep, keep_last, now)),
            key=lambda one: one.at,
        )
    )


def _of_a_kind(
    backups: Sequence[Backup], kind: Kind, keep: float, keep_last: int, now: float
) -> Iterator[Backup]:
    own = sorted((one for one in backups if one.kind is kind), key=lambda one: one.at, reverse=True)
    proven = last_verified(own, kind)
    for one in own[keep_last:]:
        if now - one.at > keep and one is not proven:
            yield one


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    """How two counts of the same things differ; empty when they do not."""
    wrong = [
        f"{name}: {_rows(found.get(name))} instead of {_rows(expected.get(name))}"
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    ]
    more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
    return "; ".join(wrong[:_MOST_NAMED]) + more


def _rows(count: int | None) -> str:
    return "none" if count is None else f"{count:,}"


@dataclass(frozen=True, slots=True)
class Contents:
    """What `pg_restore --list` says is in a dump: how many objects, and which of the expected tables lack their rows."""

    objects: int
    missing: tuple[str, ...]


def contents(listing: str, tables: Iterable[tuple[str, str]]) -> Contents:
    """Reads the list against the tables, by schema and name, that must be in it with their rows."""
    entries = [line for line in listing.splitlines() if re.match(r"\d+; ", line)]
    tails = [line.split(" ", 3)[3] for line in entries if line.count(" ") > 2]
    rows = {tail.rpartition(" ")[0] for tail in tails if tail.startswith("TABLE DATA ")}
    wanted = [(f"{schema}.{name}", f"TABLE DATA {schema} {name}") for schema, name in tables]
    missing = tuple(
        named
        for named, entry in wanted
        # the owner stands last, and may have spaces in his name
        if entry not in rows and not any(tail.startswith(f"{entry} ") for tail in tails)
    )
    return Contents(len(entries), missing)
