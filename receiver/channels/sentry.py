"""Writes incidents into Sentry, or any server that speaks its protocol, beside the errors that led to them.

One envelope an event (develop.sentry.dev, "Envelopes"): its id is made of the notice's key, so that one which is sent
twice is stored once, and all of an incident have one fingerprint and are one issue there. What Sentry has no room for it
wants thrown away and not sent later, so a rate limit is final here; the fallback channel has it then.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator

from prunella.service.settings import Secret
from prunella.version import version
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.delivery import refusal
from receiver.channels.fields import fields, line, text
from receiver.endpoints import check_url
from receiver.tools import OutsideError, Tools

_MESSAGE, _TEXT, _TAG, _TAG_NAME, _TAGS = 1000, 8000, 200, 32, 40
_LEVELS = {"critical": "fatal", "warning": "warning"}
_NO_TAG = re.compile(r"[^A-Za-z0-9_.:-]")


def _dsn(secret: Secret) -> Secret:
    parsed = urlsplit(check_url(secret.get_secret_value()))
    project = parsed.path.rpartition("/")[2]
    if not parsed.username or not re.fullmatch(r"[A-Za-z0-9_-]+", project) or parsed.query:
        raise ValueError("must be a DSN, as in https://key@o1.ingest.sentry.io/42")
    return secret


class Sentry(Channel):
    """Sends each notice as an event to the project that `dsn` belongs to."""

    shows_labels: ClassVar[bool] = True

    dsn: Annotated[Secret, AfterValidator(_dsn)]

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        fingerprint = notice.thread or notice.dedup_key
        url, key = self._address()
        event = _event(notice, fingerprint, self.environment)
        try:
            response = await tools.http.request(
                "POST",
                url,
                timeout=self.timeout,
                headers={
                    "Content-Type": "application/x-sentry-envelope",
                    "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={key}, sentry_client=prunella/{version()}",
                },
                body=_envelope(event),
            )
        except OutsideError as error:
            raise ChannelError(str(error), unknown=error.sent) from error
        if response.status == 429:
            raise ChannelError("Sentry has no room for it now", permanent=True)
        if response.status != 200:
            raise refusal(response, tools.clock.now())
        return fingerprint

    def _address(self) -> tuple[str, str]:
        parsed = urlsplit(self.dsn.get_secret_value())
        host = parsed.netloc.rpartition("@")[2]
        folder, _, project = parsed.path.rpartition("/")
        base = self.api_url or f"{parsed.scheme}://{host}"
        return f"{base}{folder}/api/{project}/envelope/", parsed.username or ""


def _envelope(event: dict[str, object]) -> bytes:
    payload = json.dumps(event, separators=(",", ":"), allow_nan=False).encode()
    head = json.dumps({"event_id": event["event_id"]}).encode()
    item = json.dumps({"type": "event", "length": len(payload)}).encode()
    return b"\n".join((head, item, payload)) + b"\n"


def _event(notice: Notice, fingerprint: str, environment: str | None) -> dict[str, object]:
    tags = {
        "event": notice.event,
        "severity": notice.severity,
        "step": notice.step,
        **notice.labels,
    }
    named = {_NO_TAG.sub("_", name): line(value, _TAG) for name, value in tags.items()}
    return {
        "event_id": hashlib.sha256(notice.dedup_key.encode()).hexdigest()[:32],
        "timestamp": notice.at,
        "platform": "other",
        "level": _LEVELS.get(notice.severity, "info"),
        "logger": "prunella",
        "message": {"formatted": line(notice.title, _MESSAGE) or notice.event},
        "fingerprint": ["prunella", fingerprint],
        "tags": fields(named, _TAGS, name=_TAG_NAME, value=_TAG),
        "extra": {"text": text(notice.text, _TEXT), "incident": notice.incident}
        | fields(notice.facts, _TAGS, name=_TAG, value=_MESSAGE),
        **({"environment": line(environment, 64)} if environment else {}),
    }
