"""The words. Whether something is well is not judged here a second time: an alert that fires says it is not.

So the thresholds are those of the rules, also where a team has its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from receiver.journal import OpenAlert


class Word(StrEnum):
    """From the best to the worst, and that nobody can tell."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


PARTS: Mapping[str, frozenset[str]] = {  # the symptoms of which a part speaks
    "errors": frozenset({"errors"}),
    "performance": frozenset({"latency", "traffic"}),
    "uptime": frozenset({"availability"}),
}
_WORDS = {"critical": Word.UNHEALTHY, "high": Word.UNHEALTHY}
_WORDS |= {"warning": Word.DEGRADED, "medium": Word.DEGRADED}
_ORDER = [*Word]


_MESSAGES: Mapping[Word, str] = {
    Word.HEALTHY: "All systems operational",
    Word.DEGRADED: "Something needs attention",
    Word.UNHEALTHY: "Something is broken",
}


@dataclass(frozen=True, slots=True)
class Health:
    """Part by part, and all together. `message` names nothing: whoever asks may read it."""

    parts: Mapping[str, Word]
    status: Word
    message: str


def judge(alerts: Iterable[OpenAlert], unseen: Collection[str], *, dark: bool) -> Health:
    """`unseen` are the parts that nothing is measured of; `dark` is whether Prometheus should answer and does not.

    What is muted is known, and counts for nobody.
    """
    heard = [one for one in alerts if not one.muted]
    words = {name: _word(heard, name, name in unseen) for name in PARTS}
    words["alerts"] = _worst(heard)
    status = max(words["alerts"], Word.DEGRADED if dark else Word.HEALTHY, key=_ORDER.index)
    blind = [name for name in PARTS if words[name] is Word.UNKNOWN]
    message = _MESSAGES[status] + (f"; not measured: {', '.join(blind)}" if blind else "")
    return Health(words, status, message)


def broken() -> Health:
    """Nobody can look."""
    message = f"{_MESSAGES[Word.UNHEALTHY]}: the journal cannot be read"
    return Health(dict.fromkeys([*PARTS, "alerts"], Word.UNKNOWN), Word.UNHEALTHY, message)


def _word(heard: Sequence[OpenAlert], part: str, unseen: bool) -> Word:
    word = _worst([one for one in heard if one.labels.get("symptom") in PARTS[part]])
    return Word.UNKNOWN if unseen and word is Word.HEALTHY else word


def _worst(alerts: Sequence[OpenAlert]) -> Word:
    words = (_WORDS.get(one.labels.get("severity", ""), Word.HEALTHY) for one in alerts)
    return max(words, default=Word.HEALTHY, key=_ORDER.index)
