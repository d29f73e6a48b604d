"""The nightly backup and the weekly drill that a target has without anybody having written them down.

They become schedules like those in the file, so that they run once however many receivers there are, are made up for
when missed, and tell people when they fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from receiver.decide.schedule import parse_cron
from receiver.raw_tree import mapping, sequence

NIGHTLY, WEEKLY = "0 2 * * *", "0 4 * * 0"
GRACE, TIMEOUT = "12h", "6h"
_LONGEST_NAME = 64


def with_schedules(data: object) -> object:
    """The file with a schedule for each `backup:` that has none of its own."""
    if not isinstance(data, Mapping):
        return data
    targets, own = mapping(data.get("targets")), sequence(data.get("schedules"))
    if data.get("schedules") is not None and not isinstance(data["schedules"], list | tuple):
        return data
    added = [
        one for name, facets in targets.items() for one in _of(str(name), mapping(facets), own)
    ]
    return {**data, "schedules": [*own, *added]} if added else data


def _of(name: str, facets: Mapping[str, Any], own: Sequence[Any]) -> Iterator[dict[str, object]]:
    facet = facets.get("backup")
    if not isinstance(facet, Mapping):
        return
    for action, key, usual in (
        ("backup", "schedule", NIGHTLY),
        ("verify_backup", "drill", WEEKLY),
    ):
        cron = facet.get(key, usual)
        called = f"{'backup' if action == 'backup' else 'drill'}-{name}"[:_LONGEST_NAME]
        if _is_cron(cron) and not _said(own, called, action, name, explicit=key in facet):
            yield {
                "name": called,
                "cron": cron,
                "action": action,
                "options": {"away": True} if key == "drill" and facet.get("s3") else {},
                "on": [name],
                "timeout": facet.get("timeout", TIMEOUT),
                "grace": GRACE,
            }


def _is_cron(text: object) -> bool:
    """What is none is told where it stands, in the facet."""
    try:
        return isinstance(text, str) and bool(parse_cron(text))
    except ValueError:
        return False


def _said(own: Sequence[Any], called: str, action: str, target: str, *, explicit: bool) -> bool:
    """Whether the file has one of that name, or one that does the same where nothing else is asked for."""
    for one in map(mapping, own):
        same = one.get("action") == action and target in sequence(one.get("on"))
        if one.get("name") == called or (same and not explicit):
            return True
    return False
