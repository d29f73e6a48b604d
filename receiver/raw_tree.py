"""The file as it stands: what a wrong value elsewhere in it must not hide is asked of this, not of finished settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prunella.service.problems import Location

Inconsistency = tuple[Location, str, str]  # the arguments of `mistake`


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is one, else nothing."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """The value if it is a list, else nothing."""
    return value if isinstance(value, (list, tuple)) else ()


def missing(
    at: Location, names: object, kind: str, known: Mapping[str, Any]
) -> Iterator[Inconsistency]:
    """Of the names, those that nothing of the kind has."""
    for name in sequence(names):
        if isinstance(name, str) and name not in known:
            listed = ", ".join(sorted(map(str, known))) or "none"
            yield at, f"there is no {kind} {name!r}; known: {listed}", "config"
