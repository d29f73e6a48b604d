"""Alerts that an app raises by itself, straight to Alertmanager: what no rule over a metric could say.

Prometheus repeats an alert for as long as it lasts; who raises one here says for how long instead, or ends it with
`resolve_alert`. Alertmanager tells alerts apart by their labels, so whatever differs from one time to the next belongs
into the summary.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from prunella.correlation import correlation_id
from prunella.recent import message_of
from prunella.redaction import HIDDEN, names_a_person, printable

Severity = Literal["critical", "warning", "info", "high", "medium", "low"]

URLS = "ALERTMANAGER_URL"
TOKEN = "ALERTMANAGER_TOKEN"  # noqa: S105 - the name of a variable
_PATH = "/api/v2/alerts"
_WORDS = {"high": "critical", "medium": "warning", "low": "info"}
_SEVERITIES = ("critical", "warning", "info")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*").fullmatch
_LONGEST_LABEL = 200
_LONGEST = 366 * 86_400.0


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: the token is for the address that was given, and the alert would arrive as a GET."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


class AlertNotSentError(Exception):
    """No Alertmanager took it; the message says why, of each."""


@dataclass(frozen=True, slots=True)
class Alertmanagers:
    """Where alerts go: every address is told, because members of a cluster do not share them. By default ALERTMANAGER_URL (with commas) and ALERTMANAGER_TOKEN."""

    urls: Sequence[str] = ()
    token: str = field(default="", repr=False)
    timeout: float = 5.0

    def addresses(self) -> list[str]:
        """Raises ValueError where there is none, or no address of the web."""
        told = self.urls or os.environ.get(URLS, "http://127.0.0.1:9093").split(",")
        found = [url.strip().rstrip("/") for url in told if url.strip()]
        if not found or not all(_is_of_the_web(url) for url in found):
            raise ValueError(
                f"an Alertmanager's address begins with http:// or https://; set {URLS}"
            )
        return found

    def bearer(self) -> str:
        return self.token or os.environ.get(TOKEN, "")


def _is_of_the_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def create_alert(
    name: str,
    summary: str,
    severity: Severity = "warning",
    *,
    labels: Mapping[str, str] | None = None,
    lasts: float = 300.0,
    to: Alertmanagers | None = None,
) -> None:
    """Raises an alert for `lasts` seconds; again before they are over prolongs it. Waits for the answer (in a coroutine, `await send_alert(…)`).

    Raises ValueError for labels that Alertmanager would refuse, AlertNotSentError when none of them took it.
    """
    if not (math.isfinite(lasts) and 0 < lasts <= _LONGEST):
        raise ValueError(f"an alert lasts for a year at most, and longer than not at all: {lasts}")
    told = {"summary": message_of(summary)}
    if correlation_id():
        told["correlation_id"] = correlation_id()
    _send(_labels(name, severity, labels or {}), told, time.time() + lasts, to or Alertmanagers())


def resolve_alert(
    name: str,
    severity: Severity = "warning",
    *,
    labels: Mapping[str, str] | None = None,
    to: Alertmanagers | None = None,
) -> None:
    """Ends an alert that was raised with the same name, severity and labels."""
    _send(_labels(name, severity, labels or {}), {}, time.time(), to or Alertmanagers())


async def send_alert(
    name: str,
    summary: str,
    severity: Severity = "warning",
    *,
    labels: Mapping[str, str] | None = None,
    lasts: float = 300.0,
    to: Alertmanagers | None = None,
) -> None:
    """`create_alert` without holding up the event loop."""
    await asyncio.to_thread(
        create_alert, name, summary, severity, labels=labels, lasts=lasts, to=to
    )


def _labels(name: str, severity: str, labels: Mapping[str, str]) -> dict[str, str]:
    word = _WORDS.get(severity, severity)
    if word not in _SEVERITIES:
        raise ValueError(f"severity is {', '.join(_SEVERITIES)}, not {severity!r}")
    if not _NAME(name):
        raise ValueError(f"an alert is named like HighErrorRate, not {name!r}")
    # The labels of every alert of ours: `action` says which playbook answers, and only rules should.
    found = {"service": "app", "symptom": "errors", "action": "none", **labels}
    wrong = [label for label in found if not _NAME(label)]
    if wrong:
        raise ValueError(f"labels are named like a variable, not {', '.join(map(repr, wrong))}")
    shown = {k: HIDDEN if names_a_person(k) else _label(v) for k, v in found.items()}
    return {**shown, "alertname": name, "severity": word}


def _label(value: str) -> str:
    return printable(str(value)[:_LONGEST_LABEL])


def _send(
    labels: Mapping[str, str], annotations: Mapping[str, str], ends: float, to: Alertmanagers
) -> None:
    alert = {"labels": labels, "annotations": annotations, "endsAt": _time(ends)}
    if ends > time.time():
        alert["startsAt"] = _time(time.time())
    body = json.dumps([alert]).encode()
    failed: list[str] = []
    addresses = to.addresses()
    for address in addresses:
        problem = _post(address, body, to)
        if problem:
            failed.append(f"{address}: {problem}")
    if len(failed) == len(addresses):
        raise AlertNotSentError("; ".join(map(message_of, failed)))


def _post(address: str, body: bytes, to: Alertmanagers) -> str:
    """What went wrong, or nothing."""
    url, login = _apart(address)
    headers = {"Content-Type": "application/json", **login}
    if to.bearer():
        headers["Authorization"] = f"Bearer {to.bearer()}"
    try:
        request = urllib.request.Request(url + _PATH, body, headers)  # noqa: S310 - addresses() has looked at the scheme
        with _opener.open(request, timeout=to.timeout):
            return ""  # the status is the answer
    except urllib.error.HTTPError as refused:
        return f"{refused.code} {_said(refused)}"
    except (OSError, ValueError, HTTPException) as error:
        return str(getattr(error, "reason", None) or error) or type(error).__name__


def _said(refused: urllib.error.HTTPError) -> str:
    try:
        with refused:
            return refused.read(500).decode("utf-8", "replace")
    except (OSError, ValueError, HTTPException):
        return ""


def _apart(address: str) -> tuple[str, dict[str, str]]:
    """The address without a user in it, which urllib would take for a host and name in its errors."""
    parts = urlsplit(address)
    who, at, host = parts.netloc.rpartition("@")
    if not at:
        return address, {}
    basic = base64.b64encode(unquote(who).encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {basic}"}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
