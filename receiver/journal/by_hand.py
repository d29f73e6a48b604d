"""What begins without an alert, as both engines write it: windows as rows, and the audit rows of all of it."""

from __future__ import annotations

import json

from receiver.decide.incident import SCHEDULED, State
from receiver.decide.maintenance import Window
from receiver.decide.matchers import parse_matchers
from receiver.decide.plan import Draft
from receiver.decide.reason import Reason
from receiver.journal import Event
from receiver.journal.rows import Row

HANDED_OVER = (State.ESCALATED, State.ACKNOWLEDGED)  # a human's: the next moment may try again


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
    data = {"window": number, "matchers": matchers, "began": window.began, "until": window.until}
    return Event("maintenance_started", {**data, "reason": window.reason, "by": window.by})


def window_ended(number: int, by: str) -> Event:
    """The audit row of a window that somebody ended before its time."""
    return Event("maintenance_ended", {"window": number, "by": by})


def is_scheduled(draft: Draft) -> bool:
    """Whether a schedule opens it."""
    return draft.key.startswith(SCHEDULED)


def keys_of(schedule: str) -> str:
    """How the keys of its incidents begin."""
    return f"{SCHEDULED}{schedule}:"


def tick_of(schedule: str) -> str:
    """The name under which its moments are taken, each once."""
    return f"schedule:{schedule}"


def overlapping(schedule: str, draft: Draft, at: float, incident: int) -> Event:
    """The audit row of a moment for which one target got no incident."""
    target, reason = draft.targets[0], str(Reason.OVERLAPPING)
    data = {"schedule": schedule, "tick": at, "target": target, "reason": reason}
    return Event("skipped", {**data, "running": incident})


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
    return Event("opened", {**data, **_moment(draft)})


def _moment(draft: Draft) -> dict[str, float]:
    """Which one of its schedule it is for; no name holds a colon."""
    return {"tick": float(draft.key.split(":")[2])} if is_scheduled(draft) else {}
