"""Counts errors by what they are, so that a new kind of error shows as a new line and a thousand repeats as one.

The counts are exact. What is told of an error (its log line, Sentry, the list of recent ones) is without secrets and
without what names a person, and of each kind at most ten a minute: a storm of one error must not cost the app its disk.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import re
from collections.abc import Callable, Mapping
from threading import Lock
from types import ModuleType
from typing import Literal, cast

from prunella import fingerprints
from prunella.cardinality import Bounded
from prunella.correlation import correlated, correlation_id, current
from prunella.fingerprints import kind_of, said
from prunella.logs import create_logger
from prunella.metrics import Counter
from prunella.recent import Recent, Report, message_of, traceback_of
from prunella.redaction import scrubbed

Severity = Literal["info", "warning", "error", "critical"]
Noise = type[BaseException] | str | Callable[[BaseException], bool]

# The words that other tools and the operators' documents use for the same four.
_SEVERITIES = {"fatal": "critical", "high": "error", "medium": "warning", "low": "info", "debug": "info"}  # fmt: skip
_KNOWN = ("info", "warning", "error", "critical")
_MESSAGE = "message"
_MOST_NOISE = 200
# Nobody's mistake: the client has left, or the work was called off.
_QUIET: tuple[type[BaseException], ...] = (
    asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit, BrokenPipeError, ConnectionResetError,
)  # fmt: skip
_QUIET_NAMES = frozenset({"ClientDisconnect", "ClientConnectionResetError", "EndOfStream", "Http404"})  # fmt: skip

_ERRORS = Counter("app_errors_total", "Errors reported by the app.", ["severity", "fingerprint"])
COUNTED = _ERRORS
_IGNORED = Counter("app_errors_ignored_total", "Errors that the noise filter left out.")
_fingerprints = Bounded("app_errors_total", limit=500)
_recent = Recent()
_log = create_logger(__name__)


def track_error(
    exc: BaseException,
    severity: Severity = "error",
    context: Mapping[str, object] | None = None,
) -> str:
    """Counts the error, tells of it with its traceback, and returns its fingerprint."""
    mark = fingerprint(exc)
    if _noise.covers(exc):
        _IGNORED.inc()
        return mark
    _mark(exc)
    if _count(mark, severity):
        report = _report(kind_of(exc), said(exc), severity, mark, context)
        report.traceback = traceback_of(exc)
        _tell(report, exc)
    return mark


def capture_message(
    text: str, severity: Severity = "info", context: Mapping[str, object] | None = None
) -> str:
    """Something worth knowing that is no exception; counted, told and fingerprinted like one."""
    mark = fingerprints.of_message(text)
    if _noise.says(text):
        _IGNORED.inc()
    elif _count(mark, severity):
        _tell(_report(_MESSAGE, text, severity, mark, context), None)
    return mark


def unhandled(error: BaseException, context: Mapping[str, object]) -> None:
    """What reached the middleware; an error that this request has tracked by itself is not counted again."""
    if getattr(error, "__prunella__", False) != (correlation_id() or None):
        track_error(error, context={**context, "unhandled": True})


def add_breadcrumb(
    message: str,
    category: str = "",
    severity: Severity = "info",
    data: Mapping[str, object] | None = None,
) -> None:
    """Something that happened on the way: the last fifty of a request are told with its errors."""
    crumb = {"message": message[:1000], "category": category[:100], "level": severity, "data": data}
    _work().remember({key: scrubbed(value) for key, value in crumb.items() if value})


def set_user(user_id: object = None, **details: object) -> None:
    """Whose request this is. What names a person (`email=`, `name=`) is hidden before it is told to anybody."""
    told = {"id": str(user_id)[:200]} if user_id is not None else {}
    _work().user = {**told, **cast("dict[str, object]", scrubbed(details))}


def ignore_errors(*noise: Noise) -> None:
    """Leaves out errors of a type, whose `Type: message` a regular expression finds, or that a function says yes to."""
    for one in noise:
        _noise.add(one)


def recent_errors() -> list[dict[str, object]]:
    """The kinds of errors that this process has seen, the newest first."""
    return _recent.shown()


def report_errors_to(dsn: str, release: str = "", environment: str = "") -> None:
    """Forwards to Sentry, or a server that speaks its protocol. Without this call the variable SENTRY_DSN says where."""
    _sentry.use(dsn, release, environment)


def fingerprint(error: BaseException) -> str:
    """The same for every error of one type raised on one path, whatever its message and line numbers."""
    return fingerprints.of_error(error)


def _count(mark: str, severity: str) -> bool:
    _ERRORS.labels(_known(severity), _fingerprints(mark)).inc()
    return _recent.count(mark)


def _known(severity: str) -> str:
    found = _SEVERITIES.get(severity, severity)
    return found if found in _KNOWN else "error"


def _mark(error: BaseException) -> None:
    """So that whoever catches it next knows; what has no room for a mark is counted twice."""
    try:
        error.__prunella__ = correlation_id() or None  # type: ignore[attr-defined]  # a mark of our own
    except AttributeError:
        return


def _report(
    kind: str, text: str, severity: str, mark: str, context: Mapping[str, object] | None
) -> Report:
    work = current()
    return Report(
        kind=kind,
        message=message_of(text),
        severity=_known(severity),
        fingerprint=mark,
        correlation_id=correlation_id(),
        context=cast("dict[str, object]", scrubbed(dict(context or {}))),
        breadcrumbs=tuple(work.crumbs) if work is not None and work.crumbs else (),
        user=(work.user if work is not None else None) or {},
    )


def _tell(report: Report, error: BaseException | None) -> None:
    _recent.keep(report)
    said_with = {"severity": report.severity, "fingerprint": report.fingerprint}
    extra = {**report.context, **said_with}
    if error is not None:
        _log.exception("error tracked", error, **extra)
    else:
        levels = {"info": _log.info, "warning": _log.warning}
        levels.get(report.severity, _log.error)(report.message, **extra)
    _sentry.send(report, error)


def _work() -> correlated:
    """The work going on here; outside of any, one of its own for whatever runs from here on."""
    work = current()
    if work is None:
        work = correlated()
        work.__enter__()
    return work


class _Noise:
    def __init__(self) -> None:
        self._types: tuple[type[BaseException], ...] = _QUIET
        self._patterns: list[re.Pattern[str]] = []
        self._asked: list[Callable[[BaseException], bool]] = []

    def add(self, noise: Noise) -> None:
        if isinstance(noise, str):
            self._patterns = [*self._patterns[-_MOST_NOISE:], re.compile(noise)]
        elif isinstance(noise, type):
            self._types = (*self._types, noise)
        else:
            self._asked = [*self._asked, noise]

    def covers(self, error: BaseException) -> bool:
        if isinstance(error, self._types) or type(error).__name__ in _QUIET_NAMES:
            return True
        if _is_refusal(error) or any(asked(error) for asked in self._asked):
            return True
        return bool(self._patterns) and self.says(f"{type(error).__name__}: {said(error)}")

    def says(self, text: str) -> bool:
        return any(pattern.search(text[:4096]) for pattern in self._patterns)


def _is_refusal(error: BaseException) -> bool:
    """A framework's own exception for an answer below 500 is how it says no, not a mistake."""
    for name in ("status_code", "status", "code"):
        status = getattr(error, name, None)
        if isinstance(status, int):
            kinds = {kind.__name__ for kind in type(error).__mro__}
            return 200 <= status < 500 and "HTTPException" in kinds
    return False


class _Sentry:
    """Loads prunella.sentry with the first error, and only where there is a DSN."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked = False
        self._module: ModuleType | None = None

    def use(self, dsn: str, release: str, environment: str) -> None:
        with self._lock:
            self._asked = True
            self._begin(dsn, release, environment)

    def send(self, report: Report, error: BaseException | None) -> None:
        if not self._asked:
            with self._lock:
                if not self._asked:
                    self._asked = True
                    self._begin_unasked(os.environ.get("SENTRY_DSN", ""))
        if self._module is not None:
            self._module.send(report, error)

    def _begin_unasked(self, dsn: str) -> None:
        try:
            self._begin(dsn, "", "")
        except ValueError as error:  # Sentry's word for a DSN that is none
            _log.warning("SENTRY_DSN will not do, nothing is sent", reason=error)

    def _begin(self, dsn: str, release: str, environment: str) -> None:
        if not dsn:
            return
        try:
            module = importlib.import_module("prunella.sentry")
        except ModuleNotFoundError:
            _log.warning("SENTRY_DSN is set, but nothing is sent: pip install 'prunella[sentry]'")
            return
        module.begin(dsn, release, environment)
        self._module = module


_noise = _Noise()
_sentry = _Sentry()
