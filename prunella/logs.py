"""Log lines that a machine can read and an attacker cannot forge: JSON on stderr, or plain text on a terminal.

Values are capped because a log store dies of one endless label as surely as of a full disk.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import traceback
from collections.abc import Mapping
from typing import TextIO

from prunella.correlation import correlation_id, trace_id
from prunella.redaction import HIDDEN, names_a_secret, printable, redact
from prunella.timestamps import timestamp

LEVELS = ("debug", "info", "warning", "error")

_LONGEST_VALUE = 4096
_LONGEST_TRACEBACK = 16384
_SHORT_ID = 8
_OURS = ("ts", "level", "logger", "msg", "correlation_id", "trace_id", "exc")


class Logger:
    """A standard logger whose keyword arguments become keys of the line."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, message: str, /, **extra: object) -> None:
        self._log(logging.DEBUG, message, extra)

    def info(self, message: str, /, **extra: object) -> None:
        self._log(logging.INFO, message, extra)

    def warning(self, message: str, /, **extra: object) -> None:
        self._log(logging.WARNING, message, extra)

    def error(self, message: str, /, **extra: object) -> None:
        self._log(logging.ERROR, message, extra)

    def exception(
        self, message: str, error: BaseException | None = None, /, **extra: object
    ) -> None:
        """An error with its traceback: `error`'s, or the one being handled."""
        self._log(logging.ERROR, message, extra, error or sys.exception())

    def _log(
        self,
        level: int,
        message: str,
        extra: Mapping[str, object],
        error: BaseException | None = None,
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", message, exc_info=error, extra={"fields": extra})


def create_logger(name: str) -> Logger:
    """A logger that takes `logger.info("text", key=value)`."""
    return Logger(name)


def fields(record: logging.LogRecord) -> dict[str, object]:
    """The keys of one line, ready to be shown: redacted, on one line, capped."""
    line: dict[str, object] = {
        "ts": timestamp(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        "msg": _shown(record.getMessage()),
    }
    line |= {key: value for key, value in _ids().items() if value}
    for key, value in getattr(record, "fields", {}).items():
        name = f"{key}_" if key in _OURS else key
        line[name] = HIDDEN if names_a_secret(key) else _value(value)
    if record.exc_info and record.exc_info[1]:
        text = "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        shown = map(printable, redact(text[-_LONGEST_TRACEBACK:]).split("\n"))
        line["exc"] = "\n".join(shown)
    return line


def _ids() -> dict[str, str]:
    correlation, trace = correlation_id(), trace_id()
    return {"correlation_id": correlation, "trace_id": trace if trace != correlation else ""}


def _value(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        shown = {str(k): HIDDEN if names_a_secret(str(k)) else str(v) for k, v in value.items()}
        return _shown(json.dumps(shown, ensure_ascii=False))
    if isinstance(value, BaseException):
        return _shown(f"{type(value).__name__}: {value}")
    return _shown(str(value))


def _shown(text: str) -> str:
    # Cut before the patterns run, which a text without end would keep busy, and again after them.
    cut = redact(text[: 2 * _LONGEST_VALUE])
    return printable(cut if len(cut) <= _LONGEST_VALUE else cut[:_LONGEST_VALUE] + "…")


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(fields(record), ensure_ascii=True)


class TextFormatter(logging.Formatter):
    """For a person at a terminal: `[UserService] [abc12345] …`, of the correlation id what tells two apart."""

    def format(self, record: logging.LogRecord) -> str:
        line = fields(record)
        line.pop("trace_id", None)
        name, correlation = line.pop("logger"), str(line.pop("correlation_id", ""))[:_SHORT_ID]
        about = f"[{name}] [{correlation}]" if correlation else f"[{name}]"
        head = f"{line.pop('ts')} {line.pop('level')!s:7} {about} {line.pop('msg')}"
        trace = line.pop("exc", None)
        text = " ".join([head, *(f"{key}={value}" for key, value in line.items())])
        return f"{text}\n{trace}" if trace else text


class WithCorrelation(logging.Filter):
    """For an app that formats its own lines: adds `correlation_id` (and `trace_id`) to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id, record.trace_id = correlation_id(), trace_id()
        return True


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Sends every log line of the process to `stream` (stderr), as text if that is a terminal, else as JSON."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(TextFormatter() if out.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
