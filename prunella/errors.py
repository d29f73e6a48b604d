"""Counts errors by what they are, so that a new kind of error shows as a new line and a thousand repeats as one."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Mapping
from typing import Literal

from prunella.cardinality import Bounded
from prunella.logs import create_logger
from prunella.metrics import Counter

Severity = Literal["info", "warning", "error", "critical"]

_ERRORS = Counter("app_errors_total", "Errors reported by the app.", ["severity", "fingerprint"])
_fingerprints = Bounded("app_errors_total", limit=500)
_log = create_logger(__name__)


def track_error(
    error: BaseException,
    severity: Severity = "error",
    context: Mapping[str, object] | None = None,
) -> str:
    """Logs the error with its traceback, counts it, and returns its fingerprint."""
    mark = fingerprint(error)
    _ERRORS.labels(severity, _fingerprints(mark)).inc()
    extra = {**(context or {}), "severity": severity, "fingerprint": mark}
    _log.exception("error tracked", error, **extra)
    return mark


def fingerprint(error: BaseException) -> str:
    """The same for every error of one type raised on one path, whatever its message and line numbers."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    place = "|".join(f"{frame.filename.rpartition('/')[2]}:{frame.name}" for frame in frames)
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return hashlib.sha256(f"{kind}|{place}".encode()).hexdigest()[:12]
