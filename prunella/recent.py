"""The last errors of this process, one entry for each kind, so that a storm of one does not wash the others away."""

from __future__ import annotations

import time
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from prunella.redaction import anonymous, printable
from prunella.timestamps import timestamp

KINDS = 200
TOLD_A_MINUTE = 10
_MINUTE = 60.0
_LONGEST_TRACEBACK = 16384
_LONGEST_MESSAGE = 1000


@dataclass(slots=True)
class Report:
    """One error as it may be shown to people: nothing secret and nobody's name in it."""

    kind: str
    message: str
    severity: str
    fingerprint: str
    correlation_id: str = ""
    context: Mapping[str, object] = field(default_factory=dict)
    breadcrumbs: tuple[Mapping[str, object], ...] = ()
    user: Mapping[str, object] = field(default_factory=dict)
    traceback: str = ""


@dataclass(slots=True)
class _Entry:
    first: float
    last: float = 0.0
    count: int = 0
    minute: float = 0.0
    in_minute: int = 0
    report: Report | None = None


class Recent:
    """Counts every error exactly; of each kind it keeps the newest that was told."""

    def __init__(self, kinds: int = KINDS) -> None:
        self._kinds = kinds
        self._lock = Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def count(self, fingerprint: str) -> bool:
        """Counts one; whether it should be told as well, or this minute has heard enough of its kind."""
        now = time.time()
        with self._lock:
            entry = self._entries.get(fingerprint)
            if entry is None:
                entry = self._entries[fingerprint] = _Entry(now)
                if len(self._entries) > self._kinds:
                    self._entries.popitem(last=False)
            self._entries.move_to_end(fingerprint)
            entry.last = now
            entry.count += 1
            if not 0 <= now - entry.minute < _MINUTE:
                entry.minute, entry.in_minute = now, 0
            entry.in_minute += 1
            return entry.in_minute <= TOLD_A_MINUTE

    def keep(self, report: Report) -> None:
        """What the entry of its kind shows from now on."""
        with self._lock:
            entry = self._entries.get(report.fingerprint)
            if entry is not None:
                entry.report = report

    def shown(self) -> list[dict[str, object]]:
        """Every kind, the newest first, as JSON."""
        with self._lock:
            entries = [(e.first, e.last, e.count, e.report) for e in self._entries.values()]
        return [
            {
                "fingerprint": report.fingerprint,
                "type": report.kind,
                "message": report.message,
                "severity": report.severity,
                "count": count,
                "first_seen": timestamp(first),
                "last_seen": timestamp(last),
                "correlation_id": report.correlation_id,
                "context": report.context,
                "user": report.user,
                "breadcrumbs": list(report.breadcrumbs),
                "traceback": report.traceback.splitlines(),
            }
            for first, last, count, report in reversed(entries)
            if report is not None
        ]

    def forget(self) -> None:
        """As if nothing had happened."""
        with self._lock:
            self._entries.clear()


def message_of(text: str) -> str:
    """A message as it may be shown."""
    return printable(anonymous(text[: 2 * _LONGEST_MESSAGE])[:_LONGEST_MESSAGE])


def traceback_of(error: BaseException) -> str:
    """The end of its traceback, which is where it happened."""
    lines = traceback.format_exception(error, limit=-50)
    text = anonymous("".join(lines).rstrip()[-_LONGEST_TRACEBACK:])
    return "\n".join(map(printable, text.split("\n")))
