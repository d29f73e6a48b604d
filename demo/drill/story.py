"""From an incident's journal rows to the stages that a drill shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the timeline; `at` is unix seconds."""

    at: float
    name: str
    detail: str = ""
    incident: int = 0


DETAILS: dict[str, Callable[[Row, Row], str]] = {  # of a row and its incident
    "received": lambda row, incident: f"incident {incident['id']}, playbook {incident['playbook']}",
    "refused": lambda row, incident: f"{row['reason']}{_answer(row, incident)}",
    "approved": lambda row, incident: f"by {row['by']}",
    "action": lambda row, incident: f"{row['kind']} on {row['target']}",
    "rollback": lambda row, incident: f"{row['target']} goes back to its last known good release",
    "proven": lambda row, incident: str(row.get("detail", "")).partition(";")[0],
    "failed": lambda row, incident: (
        f"{row['result']}: {row.get('detail') or row.get('reason', '')}"
    ),
    "verified": lambda row, incident: "recovered: the checks passed several times in a row",
    "ineffective": lambda row, incident: "; ".join([row["verdict"], *row.get("seen", [])]),
    "escalated": lambda row, incident: str(row["reason"]),
    "resolved": lambda row, incident: f"incident {incident['id']}: the alert has ended as well",
}
STAGES = {  # event of the journal: stage
    "opened": "received",
    "refused": "refused",
    "approved": "approved",
    "escalated": "escalated",
    "resolved": "resolved",
}
ROLLBACK = "rollback"


def _answer(row: Row, incident: Row) -> str:
    """How to say yes where somebody is asked."""
    asks = row["reason"] == "approval_required"
    return f": `prunella approve {incident['id']}` lets it go on" if asks else ""


def stages(incident: Row) -> list[Stage]:
    """The rows of its timeline that a stage is made of, in their order."""
    return [
        Stage(float(row["t"]), name, DETAILS[name](row, incident), int(incident["id"]))
        for row in incident["timeline"]
        if (name := _name(row))
    ]


def _name(row: Row) -> str:
    match row["ev"]:
        case "intent":
            return ROLLBACK if row["kind"] == ROLLBACK else "action"
        case "outcome" if row["result"] != "ok":
            return "failed"
        case "outcome":
            return "proven" if row.get("kind") == ROLLBACK else ""
        case "verdict":
            return "verified" if row["verdict"] == "recovered" else "ineffective"
        case event:
            return STAGES.get(event, "")


def hopeless(stage: Stage) -> bool:
    """Whether only a human can go on from here."""
    return stage.name == "escalated"
