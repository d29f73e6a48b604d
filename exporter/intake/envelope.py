"""The form in which Sentry's clients send (develop.sentry.dev, "Envelopes"), read from bytes that anybody could have made.

A line of JSON about the whole, then for each item a line of JSON about it and its payload: as long as the line says, or
to the end of its own line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

ITEMS = 100


class MalformedError(Exception):
    """It is no envelope; the text says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Item:
    kind: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """`header` says which event it is and who sends it."""

    header: dict[str, Any]
    items: tuple[Item, ...]
    rest: bytes  # all items as they came

    def events(self) -> list[dict[str, Any]]:
        """The errors and messages in it; what else clients send (sessions, traces, their own reports) is no event."""
        found = [mapping_of(item.payload) for item in self.items if item.kind == "event"]
        return [event for event in found if event.get("type") in {None, "", "error", "default"}]

    def addressed_to(self, dsn: str) -> bytes:
        """The same for another project."""
        header = {**self.header, "dsn": dsn}
        return json.dumps(header, separators=(",", ":")).encode() + b"\n" + self.rest


def read_envelope(body: bytes) -> Envelope:
    """Raises MalformedError."""
    first, _, rest = body.partition(b"\n")
    header, left = mapping_of(first), rest
    items: list[Item] = []
    while left.strip():
        if len(items) == ITEMS:
            raise MalformedError(f"more than {ITEMS} items")
        item, left = _item(left)
        items.append(item)
    return Envelope(header, tuple(items), rest)


def envelope_of(event: bytes) -> Envelope:
    """The body of the older `store` endpoint, which is one event, as an envelope. Raises MalformedError."""
    told = mapping_of(event)
    about = json.dumps({"type": "event", "length": len(event)}).encode()
    header = {"event_id": told["event_id"]} if isinstance(told.get("event_id"), str) else {}
    return Envelope(header, (Item("event", event),), about + b"\n" + event + b"\n")


def _item(left: bytes) -> tuple[Item, bytes]:
    line, _, rest = left.lstrip(b"\n").partition(b"\n")
    about = mapping_of(line)
    length = about.get("length")
    if length is None:
        payload, _, rest = rest.partition(b"\n")
    elif not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= len(rest):
        raise MalformedError("an item is not as long as it says")
    else:
        payload, rest = rest[:length], rest[length:]
        if rest and not rest.startswith(b"\n"):
            raise MalformedError("an item is longer than it says")
    return Item(str(about.get("type", "")), payload), rest.removeprefix(b"\n")


def mapping_of(text: bytes) -> dict[str, Any]:
    """Raises MalformedError for what is no JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedError("not JSON where JSON must be") from None
    if not isinstance(value, dict):
        raise MalformedError("not an object where an object must be")
    return value
