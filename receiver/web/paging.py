"""Long lists a page at a time: `?limit=` rows, of those `?before=` the last number that was seen."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prunella.service.answers import Refused

MOST = 1000
_NUMBER = re.compile(r"[0-9]{1,18}")


def limit_of(query: Mapping[str, str], usual: int) -> int:
    """How many are listed, at most and at least. Raises Refused."""
    try:
        return min(MOST, max(1, int(query.get("limit", usual))))
    except ValueError as wrong:
        raise Refused(400, "bad_query", "`limit` must be a whole number") from wrong


def before_of(query: Mapping[str, str]) -> int | None:
    """Where the page begins; None for the first. Raises Refused."""
    before = query.get("before")
    if not before:
        return None
    if _NUMBER.fullmatch(before) is None:
        raise Refused(400, "bad_query", "`before` must be a number")
    return int(before)
