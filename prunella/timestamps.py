"""A moment as every text of ours writes it: RFC 3339 in UTC, which sorts as text and leaves no reader guessing the zone."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(seconds: float, timespec: str = "milliseconds") -> str:
    """Of unix seconds; `timespec` as for `datetime.isoformat`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
