"""What is shown of the metric that decides an incident: which one it is, over which time, and what happened meanwhile.

The metric is the first `promql` check of the playbook: an operator wrote it, and by it Prunella says that it is well. An
alert's own expression comes with the alert, from whoever can send one, and is never asked. Pure: what is made here is a
document for the program that draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prunella.redaction import printable
from receiver.decide.facts import Story, began
from receiver.decide.moments import Row, stopped_half_way
from receiver.decide.plan import Playbook
from receiver.tools import MOST_POINTS, Series

ILLUSTRATED: Final = frozenset({"opened", "ineffective", "escalated", "healed"})
MOST_DRAWN = 5
LONGEST_BEFORE, SHORTEST_BEFORE = 3600.0, 900.0
SHORTEST_STEP = 1.0
_ACTIONS_MOST = 3
_TITLE, _QUERY, _CAPTION = 60, 110, 24
_HUGE = 1e100  # what is more has no place on an axis


@dataclass(frozen=True, slots=True)
class Metric:
    """A query, and what each of its values has to be."""

    query: str
    op: str
    value: float

    def misses(self, value: float) -> float:
        """How far it is on the wrong side; zero and less is right."""
        away = value - self.value
        return {"<": away, "<=": away, ">": -away, ">=": -away, "!=": -abs(away)}.get(
            self.op, abs(away)
        )


def deciding_metric(book: Playbook | None) -> Metric | None:
    """None where no check of the playbook asks Prometheus."""
    for check in book.verify.checks if book is not None else ():
        match check.get("promql"):
            case {"query": str(query), "op": str(op), "value": int() | float() as value}:
                return Metric(query, op, float(value))
            case _:
                continue
    return None


def times_of(story: Story) -> tuple[float, float, float]:
    """Start, end and step: an hour before it broke, less where what was done would be too narrow to be read."""
    broke = min(began(story.incident), story.now)
    acted = any(_actions(story.rows))
    before = min(LONGEST_BEFORE, max(SHORTEST_BEFORE, 4 * (story.now - broke)))
    start = broke - (before if acted else LONGEST_BEFORE)
    return start, story.now, max(SHORTEST_STEP, (story.now - start) / (MOST_POINTS - 1))


def document(
    story: Story, event: str, metric: Metric, found: Sequence[Series]
) -> Mapping[str, object] | None:
    """What is drawn; None when there is no value at all."""
    usable = [one for one in map(_finite, found) if one]
    if not usable:
        return None
    worst = sorted(usable, key=lambda one: max(metric.misses(v) for _, v in one), reverse=True)
    start, end, step = times_of(story)
    incident = story.incident
    where = ", ".join(incident.targets) or incident.labels.get("service", "")
    return {
        "where": _line(where, _TITLE),
        "title": _line(incident.title, _TITLE),
        "event": event,
        "query": _line(metric.query, _QUERY),
        "op": metric.op,
        "value": metric.value,
        "series": worst[:MOST_DRAWN],
        "count": len(found),
        "start": start,
        "end": end,
        "step": step,
        "marks": [*_begin(story), *list(_actions(story.rows))[-_ACTIONS_MOST:], *_healed(story)],
    }


def _finite(series: Series) -> Series:
    return tuple((at, max(-_HUGE, min(_HUGE, v))) for at, v in series if math.isfinite(v))


def _begin(story: Story) -> Iterator[dict[str, object]]:
    yield {"at": min(began(story.incident), story.now), "caption": "broke", "kind": "began"}


def _actions(rows: Sequence[Row]) -> Iterator[dict[str, object]]:
    for row in rows:
        if row.get("ev") == "outcome" and (end := _end_of(row)) is not None:
            words = _line(str(row.get("kind")), _CAPTION) + end
            yield {"at": float(row["t"]), "caption": words, "kind": "acted"}


def _end_of(row: Row) -> str | None:
    """Of an action, behind its name; None of one that never began."""
    if row.get("result") == "cancelled":
        return " stopped" if stopped_half_way(row) else None
    return "" if row.get("result") == "ok" else " failed"


def _healed(story: Story) -> Iterator[dict[str, object]]:
    """When it was seen to be well, unless something was done after that."""
    last = [row for row in story.rows if row.get("ev") in {"outcome", "verdict"}][-1:]
    for row in last:
        if row.get("ev") == "verdict" and row.get("verdict") == "recovered":
            yield {"at": float(row["t"]), "caption": "healed", "kind": "healed"}


def _line(text: str, most: int) -> str:
    """On one line, in characters that a font can be asked for."""
    short = " ".join(text[: 4 * most].split())
    shown = printable(short.encode("utf-8", "replace").decode())
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
