"""Forwards tracked errors to Sentry, by its own SDK: loaded only where a DSN is set.

An app that has set the SDK up by itself keeps it as it is; ours then only adds the correlation id to all that it sends.
"""

from __future__ import annotations

import os
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.utils import event_from_exception

from prunella.correlation import correlation_id, trace_id
from prunella.recent import Report
from prunella.redaction import scrubbed

_LEVELS = {"critical": "fatal"}
_SENT = "prunella"


def begin(dsn: str, release: str, environment: str) -> None:
    """Raises sentry_sdk's BadDsn for a DSN that is none."""
    ignore_logger("prunella.errors")  # its lines are the errors that we send ourselves
    if sentry_sdk.is_initialized():
        sentry_sdk.get_global_scope().add_event_processor(_correlated)
        return
    sentry_sdk.init(
        dsn=dsn,
        release=release or os.environ.get("SENTRY_RELEASE") or None,
        environment=environment or os.environ.get("SENTRY_ENVIRONMENT") or None,
        send_default_pii=False,
        default_integrations=False,  # they would send by themselves what the middleware has tracked already
        auto_enabling_integrations=False,
        integrations=[AtexitIntegration(callback=lambda pending, timeout: None)],
        before_send=_anonymous,
    )


def send(report: Report, error: BaseException | None) -> None:
    """One event. The SDK sends it from a thread of its own, and drops what it has no room for."""
    hint: Any = None
    event: Any = {"message": report.message}
    if error is not None:
        client = sentry_sdk.get_client()
        mechanism = {"type": _SENT, "handled": "unhandled" not in report.context}
        event, hint = event_from_exception(error, client.options, mechanism)
    event |= {
        "level": _LEVELS.get(report.severity, report.severity),
        "logger": _SENT,
        "fingerprint": [report.fingerprint],
        "tags": {"fingerprint": report.fingerprint, **_ids()},
        "extra": dict(report.context),
        "user": dict(report.user),
        "breadcrumbs": {"values": [dict(crumb) for crumb in report.breadcrumbs]},
    }
    sentry_sdk.capture_event(_anonymous(event, {}), hint)


def _ids() -> dict[str, str]:
    ids = {"correlation_id": correlation_id(), "trace_id": trace_id()}
    return {name: value for name, value in ids.items() if value}


def _correlated(event: Any, _: Any) -> Any:
    if event.get("type") is None:
        event["tags"] = {**_ids(), **dict(event.get("tags") or {})}
    return event


def _anonymous(event: Any, _: Any) -> Any:
    """What the SDK gathers besides: messages, local variables, the request."""
    for part in ("exception", "logentry", "request", "extra", "user", "breadcrumbs", "contexts"):
        if part in event:
            event[part] = scrubbed(event[part], depth=12)
    return event
