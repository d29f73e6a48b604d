"""What Alertmanager holds now, over all the Alertmanagers in the config.

An alert that one of them shows is there, whatever the others say. That an alert is *gone* can only be said when every
one has answered: a replica that was cut off shows an empty list or none. So a partial answer is an error, which carries
what was seen for those who only look for presence. Of an alert that several show, the earliest start counts, and
silenced or inhibited anywhere is silenced or inhibited: when they disagree we rather do nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import inf

from receiver.outside.silences import is_ours, listed
from receiver.tools import ActiveAlert, Http, OutsideError, PartialAnswerError, Response

_QUERY = "active=true&silenced=true&inhibited=true&unprocessed=true"
_MAX_BODY = 64 << 20
_SILENCED = re.compile(rb'"silencedBy"\s*:\s*\[\s*"')
_OFF_LOOP = 256 << 10  # above this decoding takes milliseconds that the event loop does not have


class AlertmanagerApi:
    """`receiver.tools.Alertmanager` over one or more base URLs."""

    def __init__(self, http: Http, urls: Sequence[str], timeout: float = 10.0) -> None:
        self._http = http
        self._urls = tuple(url.rstrip("/") for url in urls)
        self._timeout = timeout

    async def alerts(self) -> tuple[ActiveAlert, ...]:
        answers = await asyncio.gather(*(self._ask(url) for url in self._urls))
        failures = [answer for answer in answers if isinstance(answer, OutsideError)]
        lists = [answer for answer in answers if not isinstance(answer, OutsideError)]
        seen = _union(alert for answer in lists for alert in answer)
        if failures and lists:
            raise PartialAnswerError(
                f"{len(failures)} of {len(answers)} Alertmanagers did not answer: {failures[0]}",
                seen,
            )
        if failures:
            raise OutsideError(f"no Alertmanager answered: {failures[0]}")
        return seen

    async def _ask(self, url: str) -> tuple[ActiveAlert, ...] | OutsideError:
        try:
            response = await self._http.request(
                "GET",
                f"{url}/api/v2/alerts?{_QUERY}",
                timeout=self._timeout,
                max_body=_MAX_BODY,
            )
            own = await self._own_silences(url) if _SILENCED.search(response.body) else frozenset()
            if len(response.body) > _OFF_LOOP:
                return await asyncio.to_thread(_parse, response, own)
            return _parse(response, own)
        except OutsideError as error:
            return error

    async def _own_silences(self, url: str) -> frozenset[str]:
        """Those under which we repair: not what people have silenced. When nobody can say, all are other people's."""
        try:
            known = await listed(self._http, url, self._timeout)
        except OutsideError:
            return frozenset()
        return frozenset(str(one.get("id")) for one in known if is_ours(one))


def _parse(response: Response, own: frozenset[str]) -> tuple[ActiveAlert, ...]:
    if response.status != 200:
        raise OutsideError(f"Alertmanager answers {response.status}")
    try:
        return tuple(_alert(item, own) for item in json.loads(response.body))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OutsideError("Alertmanager: the answer has another shape than expected") from error


def _alert(item: Mapping[str, object], own: frozenset[str]) -> ActiveAlert:
    status = item["status"]
    if not isinstance(status, dict):
        raise TypeError("status")
    return ActiveAlert(
        fingerprint=str(item["fingerprint"]),
        labels=_strings(item["labels"]),
        annotations=_strings(item.get("annotations") or {}),
        starts_at=_seconds(item["startsAt"]),
        silenced=bool(set(map(str, status.get("silencedBy") or ())) - own),
        inhibited=bool(status.get("inhibitedBy")),
        generator_url=str(item.get("generatorURL") or ""),
        receivers=_names(item.get("receivers")),
        updated_at=_seconds(item["updatedAt"]) if "updatedAt" in item else inf,
    )


def _seconds(rfc3339: object) -> float:
    return datetime.fromisoformat(str(rfc3339)).timestamp()


def _names(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(str(one["name"]) for one in value if isinstance(one, dict) and "name" in one)


def _strings(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("labels")
    return {str(name): str(text) for name, text in value.items()}


def _union(alerts: Iterable[ActiveAlert]) -> tuple[ActiveAlert, ...]:
    merged: dict[str, ActiveAlert] = {}
    for alert in alerts:
        known = merged.get(alert.fingerprint)
        merged[alert.fingerprint] = alert if known is None else _both(known, alert)
    return tuple(merged.values())


def _both(one: ActiveAlert, other: ActiveAlert) -> ActiveAlert:
    return replace(
        one,
        starts_at=min(one.starts_at, other.starts_at),
        silenced=one.silenced or other.silenced,
        inhibited=one.inhibited or other.inhibited,
        receivers=one.receivers | other.receivers,
        updated_at=max(one.updated_at, other.updated_at),
    )
