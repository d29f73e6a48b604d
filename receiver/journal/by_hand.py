"""What an operator begins by himself, as both engines write it: windows as rows, and their audit rows."""

from __future__ import annotations

import json

from receiver.decide.maintenance import Window
from receiver.decide.matchers import parse_matchers
from receiver.decide.plan import Draft
from receiver.journal import Event
from receiver.journal.rows import Row


def matchers_json(window: Window) -> str:
    """What `window_of` reads back."""
    return json.dumps([str(matcher) for matcher in window.matchers])


def window_of(row: Row) -> Window:
    """A maintenance window as its row says."""
    return Window(
        matchers=tuple(
            matcher for text in json.loads(row["matchers"]) for matcher in parse_matchers(text)
        ),
        began=row["began"],
        until=row["until"],
        reason=row["reason"],
        by=row["by"],
        id=row["id"],
    )


def window_started(window: Window, number: int) -> Event:
    """The audit row of a new window."""
    matchers = [str(matcher) for matcher in window.matchers]
    data = {"window": number, "matchers": matchers, "until": window.until}
    return Event("maintenance_started", {**data, "reason": window.reason, "by": window.by})


def window_ended(number: int, by: str) -> Event:
    """The audit row of a window that somebody ended before its time."""
    return Event("maintenance_ended", {"window": number, "by": by})


def opened_by_hand(incident: int, episode: str, draft: Draft, by: str) -> Event:
    """The audit row of an incident that no alert opened."""
    data = {
        "incident": incident,
        "ep": episode,
        "playbook": draft.playbook,
        "targets": list(draft.targets),
        "severity": draft.severity,
        "alertname": "",
        "by": by,
    }
    return Event("opened", data)
