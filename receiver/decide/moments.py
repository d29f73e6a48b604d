"""A row of the journal as a person reads it. Messages, the API's timeline, `prunella incidents ID` and the console say it with these words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from receiver.decide.reason import Reason

Row = Mapping[str, Any]
LONGEST = 300
_OF_EVERY_ROW = frozenset({"t", "at", "ev", "seq", "hash", "incident", "ep"})


def words_of(row: Row) -> str:
    """One line for one row; of an event that nothing is written for, its fields."""
    words = _WORDS.get(str(row.get("ev")), _fields)
    return words(row)


def stopped_half_way(row: Row) -> bool:
    """Whether this outcome is that of an action that its alert's end called off; all else that is cancelled never began."""
    return row.get("result") == "cancelled" and row.get("reason") == Reason.RESOLVED


def _ended(row: Row) -> str:
    if row.get("result") == "ok":
        return f"done{_figures(row)}"
    if stopped_half_way(row):
        return f"stopped half-way, because the alert had ended{_figures(row)}"
    detail = str(row.get("detail") or row.get("reason") or "")[:200]
    return f"{row.get('result')} ({detail})" if detail else str(row.get("result"))


def verdict_words(row: Row) -> str:
    """What was seen afterwards."""
    seen = [str(one) for one in row.get("seen") or ()]
    words = _plain(row.get("verdict"))
    return f"{words} ({'; '.join(seen[:3])})"[:LONGEST] if seen else words


def _figures(row: Row) -> str:
    counts = row.get("counts")
    if not isinstance(counts, Mapping) or not counts:
        return ""
    return f" ({', '.join(f'{name} {count}' for name, count in counts.items())})"


def _plain(word: object) -> str:
    return str(word).replace("_", " ")


def _opened(row: Row) -> str:
    what = row.get("alertname") or f"asked for by {row.get('by') or 'a schedule'}"
    book = row.get("playbook") or "no playbook"
    return f"{what}, {row.get('severity')}: {book} on {', '.join(row.get('targets') or ()) or 'no target'}"


def _reopened(row: Row) -> str:
    return f"{_opened(row)}; it is back, and goes on at rung {int(row.get('rung') or 0) + 1}"


def _refused(row: Row) -> str:
    on = f"{row['target']}: " if row.get("target") else ""
    return f"{on}{_plain(row.get('reason'))}"


def _intent(row: Row) -> str:
    return f"{row.get('kind')} on {row.get('target')} begins (rung {row.get('step')})"


def _outcome(row: Row) -> str:
    return f"{row.get('kind')} on {row.get('target')}: {_ended(row)}"


def _verdict(row: Row) -> str:
    return f"after rung {row.get('step')}: {verdict_words(row)}"


def _by(row: Row) -> str:
    token = f" (with the token {row['token']})" if row.get("token") else ""
    return f"by {row.get('by')}{token}"


def _who(row: Row) -> str:
    """Behind something else, if it is known."""
    return f", {_by(row)}" if row.get("by") else ""


def _why(row: Row) -> str:
    """The same of the reason."""
    return f": {row['why']}" if row.get("why") else ""


def _because(row: Row) -> str:
    detail = f": {row['detail']}" if row.get("detail") else ""
    return f"{_plain(row.get('reason'))}{_who(row)}{detail}"


def _told(row: Row) -> str:
    return f"{row.get('channel')}: {_plain(row.get('event'))}"


def _rollback(row: Row) -> str:
    way = f"{row.get('target')}, {row.get('version')} to {row.get('to')}"
    return f"{way}: {_plain(row.get('step'))}{_why(row)}"


def _received(row: Row) -> str:
    if row.get("status") == "resolved":
        when = f"over since {_at(row, 'ends')}"
    else:
        when = f"firing since {_at(row, 'starts')}"
    return f"alert {row.get('fp')} {when}, says {row.get('source')}"


def _looked(row: Row) -> str:
    """Of a release's watch: the finding, and what it is made of."""
    seen = "; ".join(
        f"{caption} {', '.join(map(str, row[signals]))}"
        for signals, caption in (("degraded", "worse:"), ("inconclusive", "not known:"))
        if row.get(signals)
    )
    of = f"{row.get('target')} {row.get('version')}, phase {row.get('phase')}"
    return f"{of}: {_plain(row.get('finding'))}{f' ({seen})' if seen else ''}"


def _release(row: Row) -> str:
    instead = f" in place of {row['replaces']}" if row.get("replaces") else ""
    return f"{row.get('target')} {row.get('version')}{instead}{_who(row)}"


def _watch_ended(row: Row) -> str:
    return f"{_release(row)}: {_plain(row.get('outcome'))}{_why(row)}"


def _regranted(row: Row) -> str:
    rung = f"rung {row['step']} of " if row.get("step") else ""
    change = f"{row.get('playbook')} from {row.get('was')} to {row.get('mode')}"
    return f"{rung}{change}, {_by(row)}{_why(row)}"


def _frozen(row: Row) -> str:
    return f"{row.get('scope')} until {_at(row, 'until')}"


def _at(row: Row, key: str) -> str:
    return day_and_time(row[key]) if isinstance(row.get(key), int | float) else "a time unknown"


def day_and_time(at: float) -> str:
    """In UTC, as everywhere."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _fields(row: Row) -> str:
    said = (f"{key} {value}" for key, value in row.items() if key not in _OF_EVERY_ROW)
    return ", ".join(said)


_WORDS: Mapping[str, Callable[[Row], str]] = {
    "opened": _opened,
    "reopened": _reopened,
    "refused": _refused,
    "intent": _intent,
    "progress": lambda row: str(row.get("said")),
    "outcome": _outcome,
    "interrupted": _because,
    "verdict": _verdict,
    "approved": _by,
    "denied": _by,
    "acknowledged": _by,
    "escalated": _because,
    "resolved": _because,
    "expired": _because,
    "notified": _told,
    "muted": _told,
    "undeliverable": _told,
    "rollback": _rollback,
    "received": _received,
    "launch_checkpoint": _looked,
    "launch_begun": _release,
    "launch_baseline": _release,
    "launch_ended": _watch_ended,
    "release_started": _release,
    "release_finished": _release,
    "release_failed": _release,
    "release_proven": _release,
    "release_stable": _release,
    "release_quarantined": _release,
    "restore_point": _release,
    "promoted": _regranted,
    "demoted": _regranted,
    "frozen": _frozen,
}
