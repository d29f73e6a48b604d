"""Calls people through Opsgenie's alert API, by default at the address of its successor, Jira Service Management.

Opsgenie itself ends in April 2027; the successor takes the same requests with the same key (Atlassian, "Migrate from
Opsgenie"). One incident is one alert: its alias is the key of the incident's first event there, so a repeat counts up and
opens nothing twice. An answer of 202 says that it was accepted, and that is all the service promises.
"""

from __future__ import annotations

import json
from typing import Annotated, ClassVar
from urllib.parse import quote

from pydantic import AfterValidator

from prunella.service.settings import Secret
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.delivery import answer_of, ask, encode, kept_keys, refusal
from receiver.channels.fields import fields, line, text
from receiver.channels.fitting import web_links
from receiver.tools import Tools

SUCCESSOR = "https://api.atlassian.com/jsm/ops/integration"
# the documented limits
_MESSAGE, _ALIAS, _DESCRIPTION, _NOTE = 130, 512, 15_000, 25_000
_TAGS, _TAG, _ENTITY = 20, 50, 512
_DETAILS, _NAME, _VALUE = 40, 100, 150  # 8,000 characters in all
# nothing would ever close them; a storm calls by its freeze
_AT_ONCE_OVER = frozenset({"test", "digest"})
_PRIORITIES = {"critical": "P1", "warning": "P3", "info": "P5"}
_CALLS = frozenset({"opened", "approval_requested", "ineffective", "escalated", "frozen"})


def _header_safe(secret: Secret) -> Secret:
    key = secret.get_secret_value()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("must be the API key of an integration, as the service shows it")
    return secret


class Opsgenie(Channel):
    """Creates, acknowledges and closes one alert for each incident, and adds what happens meanwhile as notes.

    `api_key` is that of an API integration. For an Opsgenie account that is not moved yet: `api_url:
    https://api.opsgenie.com` (or `https://api.eu.opsgenie.com`).
    """

    shows_labels: ClassVar[bool] = True

    api_key: Annotated[Secret, AfterValidator(_header_safe)]

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        aliases = kept_keys(notice.thread)
        scope = "freeze" if notice.event in {"frozen", "thawed"} else "incident"
        steps = _steps(notice, known=scope in aliases)
        alias = aliases.get(scope) or notice.dedup_key[:_ALIAS]
        for step in steps:
            if step == "create":
                await self._post("/v2/alerts", _alert(notice, alias, self.environment), tools)
            else:
                where = f"/v2/alerts/{quote(alias, safe='')}/{step}?identifierType=alias"
                await self._post(where, {"source": "Prunella", "note": _note(notice)}, tools)
        if not steps or notice.event in _AT_ONCE_OVER:
            return None
        return json.dumps({**aliases, scope: alias}, separators=(",", ":"))

    async def _post(self, path: str, message: dict[str, object], tools: Tools) -> None:
        response = await ask(
            tools,
            "POST",
            f"{self.api_url or SUCCESSOR}{path}",
            encode(message),
            timeout=self.timeout,
            headers={"Authorization": f"GenieKey {self.api_key.get_secret_value()}"},
        )
        if response.status == 202:
            return
        if 200 <= response.status < 300:
            raise ChannelError(f"answered with {response.status}, but not as Opsgenie does")
        word = answer_of(response).get("message") if response.status == 422 else None
        raise refusal(response, tools.clock.now(), said=line(str(word), 100) if word else "")


def _steps(notice: Notice, *, known: bool) -> tuple[str, ...]:
    """What is asked of the service, in order; nothing for what is only news while nobody was called.

    Creating an alert that is open counts it up and changes nothing else, and one that was closed is opened anew: what
    happened is then told by a note.
    """
    if notice.event in _AT_ONCE_OVER:
        return ("create", "close")
    if notice.ended or notice.event == "thawed":
        return ("close",) if known else ()
    if notice.event in _CALLS:
        return ("create", "notes") if known else ("create",)
    if not known:
        return ()
    return ("acknowledge",) if notice.event == "acknowledged" else ("notes",)


def _alert(notice: Notice, alias: str, environment: str | None) -> dict[str, object]:
    tags = [notice.event, notice.severity, environment or "", notice.labels.get("service", "")]
    details = {**notice.facts, **notice.labels, "incident": str(notice.incident)}
    return {
        "message": line(notice.title, _MESSAGE) or notice.event,
        "alias": alias,
        "description": _description(notice),
        "priority": "P5" if notice.event == "digest" else _PRIORITIES.get(notice.severity, "P5"),
        "source": "Prunella",
        "entity": line(notice.labels.get("service", ""), _ENTITY),
        "tags": [tag for tag in (line(word, _TAG) for word in tags) if tag][:_TAGS],
        "details": fields(details, _DETAILS, name=_NAME, value=_VALUE),
    }


def _description(notice: Notice) -> str:
    links = "\n".join(f"{caption}: {url}" for caption, url in web_links(notice.links))
    asked = f"Approval asked for: {notice.question.plan}" if notice.question else ""
    return text("\n\n".join(part for part in (notice.text, asked, links) if part), _DESCRIPTION)


def _note(notice: Notice) -> str:
    return text(f"{notice.title}\n{notice.text}", _NOTE)
