"""The journal's rows read back: one case for each time that something broke, with all that would have become of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Acted:
    """An action that would have begun."""

    at: float
    playbook: str
    rung: str
    action: str
    target: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What a guard would have said; the journal says each reason once in a case."""

    at: float
    rung: str
    reason: str
    target: str


@dataclass
class Case:
    """`rungs` are those whose turn came; `helped` is the one after which the alert was over in time."""

    incident: int
    playbook: str
    alertname: str
    opened: float
    closed: float | None = None
    rungs: list[str] = field(default_factory=list)
    acted: list[Acted] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    helped: str = ""
    escalated: str = ""  # why a human would have been called

    @property
    def rung(self) -> str:
        """The last one whose turn came."""
        return self.rungs[-1] if self.rungs else ""

    @property
    def cleared(self) -> bool:
        """Whether it was over by itself before the action whose turn it was would have begun."""
        waited = all(one.rung != self.rung for one in self.acted)
        return self.closed is not None and waited and not self.escalated


Ladders = Mapping[str, Sequence[str]]  # the names of each playbook's rungs


def read_cases(rows: Iterable[Mapping[str, Any]], ladders: Ladders) -> list[Case]:
    """In the order in which they opened."""
    reader = _Reader(ladders)
    for row in rows:
        if "incident" in row:
            reader.read(row)
    return reader.cases


class _Reader:
    def __init__(self, ladders: Ladders) -> None:
        self.cases: list[Case] = []
        self._ladders = ladders
        self._now: dict[int, Case] = {}

    def read(self, row: Mapping[str, Any]) -> None:
        if row["ev"] in {"opened", "reopened"}:
            return self._open(row)
        case = self._now[row["incident"]]
        match row["ev"]:
            case "intent":
                self._turn(case, row["step"])
                acted = Acted(row["t"], case.playbook, row["step"], row["kind"], row["target"])
                case.acted.append(acted)
            case "refused":
                case.refused.append(Refused(row["t"], case.rung, row["reason"], row["target"]))
            case "verdict":
                self._judged(case, row["verdict"], row["step"])
            case "escalated":
                case.escalated = row["reason"]
            case "resolved" | "expired":
                case.closed = row["t"]
            case _:  # what is told besides is no part of a case
                pass
        return None

    def _open(self, row: Mapping[str, Any]) -> None:
        case = Case(row["incident"], row["playbook"], row["alertname"], row["t"])
        ladder = self._ladders.get(case.playbook, ())
        case.rungs += ladder[row.get("rung", 0) : row.get("rung", 0) + 1]
        self._now[case.incident] = case
        self.cases.append(case)

    def _judged(self, case: Case, verdict: str, step: str) -> None:
        if verdict == "recovered":
            case.helped = step
        if verdict != "still_broken":
            return
        ladder = self._ladders[case.playbook]
        for rung in ladder[ladder.index(step) + 1 :][:1]:
            self._turn(case, rung)

    def _turn(self, case: Case, rung: str) -> None:
        if rung != case.rung:
            case.rungs.append(rung)
