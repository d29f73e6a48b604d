"""Pages through PagerDuty's Events API v2 (developer.pagerduty.com, "Send an Alert Event").

One incident is one alert there: all its events carry the key of the first, so a repeat opens nothing twice, an
acknowledgement acknowledges and the end resolves. What is only news never opens one.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from prunella.service.settings import Secret
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.delivery import answer_of, ask, encode, kept_keys, refusal
from receiver.channels.fields import asked, fields, line
from receiver.channels.fitting import web_links
from receiver.tools import Tools

_HOSTS = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
# the documented limits: 1,024 characters, a key of 255, 512 KB in all
_SUMMARY, _KEY, _SOURCE = 1024, 255, 255
_DETAILS, _NAME, _VALUE, _TEXT = 80, 100, 1000, 8000
_LINKS, _CAPTION = 10, 255
_SEVERITIES = {"critical": "critical", "warning": "warning", "info": "info"}
# for these somebody is called; all others only add to an alert that is open
_CALLS = frozenset({"opened", "approval_requested", "ineffective", "escalated", "frozen", "test"})
_SECONDS_TO_BACK_OFF = 60.0  # "wait a few minutes", where no Retry-After says how long


def _routing_key(secret: Secret) -> Secret:
    if not re.fullmatch(r"[A-Za-z0-9]{32}", secret.get_secret_value()):
        raise ValueError(
            "must be the 32 letters and digits of an Events API v2 integration (service → Integrations)"
        )
    return secret


class PagerDuty(Channel):
    """Opens, acknowledges and resolves one alert for each incident on the service that `integration_key` belongs to."""

    shows_labels: ClassVar[bool] = True

    integration_key: Annotated[Secret, AfterValidator(_routing_key)]
    region: Literal["us", "eu"] = "us"

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        if notice.event in {"release", "trust", "digest"}:
            await self._enqueue("/v2/change/enqueue", _change(notice, self.environment), tools)
            return None
        open_keys = kept_keys(notice.thread)
        scope = "freeze" if notice.event in {"frozen", "thawed"} else "incident"
        key = open_keys.get(scope)
        action = _action(notice, known=key is not None)
        if action is None:
            return None
        key = key or notice.dedup_key[:_KEY]
        await self._enqueue("/v2/enqueue", _event(notice, action, key, self.environment), tools)
        if notice.event == "test":
            await self._enqueue(
                "/v2/enqueue", _event(notice, "resolve", key, self.environment), tools
            )
            return None
        return json.dumps({**open_keys, scope: key}, separators=(",", ":"))

    async def _enqueue(self, path: str, event: dict[str, object], tools: Tools) -> None:
        body = encode({"routing_key": self.integration_key.get_secret_value(), **event})
        url = f"{self.api_url or _HOSTS[self.region]}{path}"
        response = await ask(tools, "POST", url, body, timeout=self.timeout)
        if response.status == 202:
            return
        if response.status == 200:
            raise ChannelError("answered with 200, but not as PagerDuty does")
        said = answer_of(response)
        word = said.get("message") if response.status == 400 else None
        error = refusal(response, tools.clock.now(), said=line(str(word), 100) if word else "")
        if response.status == 429 and error.retry_after is None:
            error.retry_after = _SECONDS_TO_BACK_OFF
        raise error


def _action(notice: Notice, *, known: bool) -> str | None:
    """What the event is to PagerDuty; None for what would call somebody for mere news."""
    if notice.event == "test":
        return "trigger"
    if notice.event == "thawed" or notice.ended:
        return "resolve" if known else None
    if notice.event == "acknowledged":
        return "acknowledge" if known else None
    return "trigger" if known or notice.event in _CALLS else None


def _event(notice: Notice, action: str, key: str, environment: str | None) -> dict[str, object]:
    """The request without its routing key. Acknowledging and resolving need the key only."""
    if action != "trigger":
        return {"event_action": action, "dedup_key": key}
    return {
        "event_action": action,
        "dedup_key": key,
        "client": "Prunella",
        "links": _links(notice),
        "payload": _payload(notice, environment),
    }


def _change(notice: Notice, environment: str | None) -> dict[str, object]:
    """News of a deploy or of trust, and what many letters came to: a mark beside the service's alerts that calls nobody ("Send a
    Change Event"). Nothing would ever end an alert of theirs, and a storm pages by its freeze."""
    payload = _payload(notice, environment)
    kept = ("summary", "source", "timestamp", "custom_details")
    return {"payload": {name: payload[name] for name in kept}, "links": _links(notice)}


def _links(notice: Notice) -> list[dict[str, str]]:
    found = web_links(notice.links)
    return [{"href": url, "text": line(caption, _CAPTION)} for caption, url in found][:_LINKS]


def _payload(notice: Notice, environment: str | None) -> dict[str, object]:
    about = {
        "component": notice.labels.get("service", ""),
        "group": environment or "",
        "class": notice.labels.get("alertname", ""),
    }
    facts = {"What": notice.text, **notice.facts, **asked(notice)}
    return {
        "summary": line(notice.title, _SUMMARY) or notice.event,
        "source": line(notice.labels.get("instance", ""), _SOURCE) or "prunella",
        "severity": _SEVERITIES.get(notice.severity, "info"),
        "timestamp": datetime.fromtimestamp(notice.at, UTC).isoformat(timespec="milliseconds"),
        "custom_details": {
            **fields(facts, _DETAILS, name=_NAME, value=_TEXT),
            "incident": notice.incident,
            "event": notice.event,
            "labels": fields(notice.labels, _DETAILS, name=_NAME, value=_VALUE),
        },
        **{name: line(value, _SOURCE) for name, value in about.items() if value},
    }
