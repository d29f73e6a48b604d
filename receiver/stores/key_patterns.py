"""Redis patterns that an operator may name: each begins with letters that mean themselves.

A pattern that begins with `*`, `?` or `[` can take the whole database, whatever follows; one with a literal prefix takes
what an application keeps under that prefix and nothing beside it. No part of a pattern ever comes from an alert.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import AfterValidator

SHORTEST_PREFIX = 2
LONGEST = 512
_LITERAL = re.compile(r"(?:\\.|[^*?\[\\])*", re.DOTALL)
_WELL_FORMED = re.compile(r"(?:\\.|\[(?:\\.|[^\]\\])+\]|[^\[\\])*", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


def literal_prefix(pattern: str) -> str:
    """What every key that it matches begins with, without the backslashes."""
    found = _LITERAL.match(pattern)
    return re.sub(r"\\(.)", r"\1", found[0], flags=re.DOTALL) if found else ""


def check_pattern(pattern: str) -> str:
    """The pattern, if it is well formed and anchored. Raises ValueError."""
    if len(literal_prefix(pattern)) < SHORTEST_PREFIX:
        raise ValueError(
            f"must begin with a literal prefix of {SHORTEST_PREFIX} characters or more, as in cache:*;"
            " what begins with * ? or [ could take every key"
        )
    if len(pattern) > LONGEST or _UNPRINTABLE.search(pattern):
        raise ValueError(f"must be printable and at most {LONGEST} characters")
    if not _WELL_FORMED.fullmatch(pattern):
        raise ValueError(r"has a [ without ] or ends in a backslash: write \[ or \\ for itself")
    return pattern


def covers(wide: str, other: str) -> bool:
    """Whether the first, if it is a plain `prefix*`, surely matches every key of the other."""
    stem = literal_prefix(wide)
    plain = wide.endswith("*") and _LITERAL.fullmatch(wide[:-1]) is not None
    return plain and literal_prefix(other).startswith(stem)


def collisions(named: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[str, str, str, str]]:
    """Every `list, pattern` that would take what a pattern of another list names, with that list and pattern."""
    lists = list(named)
    for name, patterns in lists:
        others = [(other, p) for other, theirs in lists if other != name for p in theirs]
        for pattern in patterns:
            yield from (
                (name, pattern, other, theirs)
                for other, theirs in others
                if covers(pattern, theirs)
            )


KeyPattern = Annotated[str, AfterValidator(check_pattern)]
