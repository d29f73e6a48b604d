"""Rows to values and back: the columns bear the same names in both engines, so this is said once."""

from __future__ import annotations

import json
from typing import Any, Protocol

from msgspec.json import Encoder
from msgspec.structs import fields

from receiver.decide.incident import Incident, Progress, State
from receiver.decide.reason import Reason
from receiver.journal import NEVER, IncidentAlert, Letter, OpenAlert, Posting, Run
from receiver.journal.views import Recent, Standing

LARGEST = (1 << 63) - 1
_NAMES = tuple(field.name for field in fields(Progress))
_encode = Encoder().encode


class Row(Protocol):
    """A row of either driver."""

    def __getitem__(self, column: str, /) -> Any: ...


def row_id(number: int) -> int:
    """A number that somebody typed, as a database can compare it: none of ours is beyond what it can hold."""
    return max(0, min(number, LARGEST))


def incident_of(row: Row) -> Incident:
    """An incident as its row says."""
    return Incident(
        id=row["id"],
        key=row["key"],
        playbook=row["playbook"],
        state=State(row["state"]),
        reason=Reason(row["reason"]),
        severity=row["severity"],
        title=row["title"],
        targets=tuple(json.loads(row["targets"])),
        episode=row["episode"],
        opened_at=row["opened_at"],
        labels=json.loads(row["labels"]),
        annotations=json.loads(row["annotations"]),
        plan=json.loads(row["plan"]),
        rung=row["rung"],
        attempt=row["attempt"],
        resolved_at=row["resolved_at"],
        acknowledged_by=row["acknowledged_by"],
        progress=progress_of(row["progress"]),
    )


def standing_of(row: Row) -> Standing:
    """Of an incident as its row says, of which only these columns are read."""
    symptom = json.loads(row["labels"]).get("symptom", "")
    return Standing(row["severity"], symptom, row["acknowledged_by"] is not None)


def recent_values(asked: Recent) -> tuple[object, ...]:
    """What both engines' statement is given."""
    before = LARGEST if asked.before is None else row_id(asked.before)
    return asked.since, asked.taken, before, asked.limit


def paused_words(value: str) -> str:
    """Who paused and why, as it is kept; a switch that has to be thrown at once needs no reason."""
    said = json.loads(value)
    return f"{said['reason'].strip() or 'no reason given'} ({said['by']})"


def progress_json(incident: Incident) -> str:
    """What `progress_of` reads back; what is as it always begins is left out, because there are many of these."""
    return _encode(incident.progress).decode()


def waits(due: float | None) -> float | None:
    """A move's `due` as its column."""
    return None if due == NEVER else due


def progress_of(text: str) -> Progress:
    """What was written, also by a newer or an older program: only the fields that this one knows."""
    known = set(_NAMES)
    said = {name: value for name, value in json.loads(text).items() if name in known}
    return Progress(**{**said, "refused": tuple(said.get("refused", ()))})


def run_of(row: Row) -> Run:
    """A run as its row says."""
    return Run(
        action_id=row["action_id"],
        incident=row["incident"],
        playbook=row["playbook"],
        episode=row["episode"],
        rung=row["rung"],
        attempt=row["attempt"],
        step=row["step"],
        kind=row["kind"],
        target=row["target"],
        disruptive=bool(row["disruptive"]),
        fence=row["fence"],
        began_at=row["began_at"],
    )


def alert_of(row: Row) -> IncidentAlert:
    """An alert of an incident as its episode's row says; `opening` are the annotations that the incident began with."""
    return IncidentAlert(
        fingerprint=row["fingerprint"],
        labels=json.loads(row["labels"]),
        annotations=json.loads(row["annotations"] or row["opening"]),
        generator_url=row["generator_url"],
        starts_at=row["starts_at"],
        opened_at=row["opened_at"],
        open=row["closed_at"] is None,
        muted=row["muted"],
    )


def open_alert_of(row: Row) -> OpenAlert:
    """An alert that fires, as its episode's row says."""
    return OpenAlert(
        source=row["alert"].removesuffix(f":{row['fingerprint']}"),
        fingerprint=row["fingerprint"],
        labels=json.loads(row["labels"]),
        starts_at=row["starts_at"],
        last_seen=row["last_seen"],
        muted=row["muted"],
    )


def posting_of(row: Row) -> Posting:
    """A letter that waits, as its row of the outbox says."""
    return Posting(
        id=row["id"],
        incident=row["incident"],
        letter=Letter(row["channel"], row["event"], json.loads(row["body"]), row["dedup"]),
        attempts=row["attempts"],
        created=row["created"],
        thread=row["thread"] or "",
    )
