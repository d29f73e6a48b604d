"""From an incident's journal rows to the stages that a drill shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the timeline; `at` is unix seconds."""

    at: float
    name: str
    detail: str = ""


DETAILS: dict[str, Callable[[Row], str]] = {
    "received": lambda row: f"incident {row['incident']}",
    "refused": lambda row: str(row["reason"]),
    "action": lambda row: f"{row['kind']} {row['target']}",
    "failed": lambda row: f"{row['result']}: {row.get('reason', '')}",
    "verified": lambda row: "the checks passed several times in a row",
    "ineffective": lambda row: "; ".join([row["verdict"], *row.get("seen", [])]),
    "escalated": lambda row: str(row["reason"]),
    "resolved": lambda row: "healed, and the alert has ended",
}
STAGES = {  # event of the journal: stage
    "opened": "received",
    "refused": "refused",
    "intent": "action",
    "escalated": "escalated",
    "resolved": "resolved",
}


def stages(rows: Iterable[Row]) -> list[Stage]:
    """The rows that a stage is made of, in their order."""
    return [
        Stage(float(row["t"]), name, DETAILS[name](row)) for row in rows if (name := _name(row))
    ]


def _name(row: Row) -> str:
    if row["ev"] == "outcome":
        return "" if row["result"] == "ok" else "failed"
    if row["ev"] == "verdict":
        return "verified" if row["verdict"] == "recovered" else "ineffective"
    return STAGES.get(row["ev"], "")


def hopeless(stage: Stage) -> bool:
    """Whether only a human can go on from here."""
    return stage.name == "escalated"
