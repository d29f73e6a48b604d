"""Our own silences at Alertmanager: made, known again, and taken away.

They are told from everybody else's by who made them and by how their comment begins, so that nothing has to be
remembered here: a receiver that died in the middle finds them again, and they end by themselves.

The addresses are those of one cluster, which shares its silences: the first that takes one is enough.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from receiver.tools import Http, OutsideError

CREATED_BY = "prunella"
MARK = "Prunella is repairing "
_JSON = {"Content-Type": "application/json"}
_MAX_LIST = 16 << 20


def is_ours(silence: object) -> bool:
    """Whether Prunella made it, this receiver or another."""
    return (
        isinstance(silence, Mapping)
        and silence.get("createdBy") == CREATED_BY
        and str(silence.get("comment", "")).startswith(MARK)
    )


async def listed(http: Http, url: str, timeout: float) -> list[Any]:
    """Every silence that an Alertmanager knows, ended ones too. Raises OutsideError."""
    response = await http.request(
        "GET", f"{url}/api/v2/silences", timeout=timeout, max_body=_MAX_LIST
    )
    if response.status != 200:
        raise OutsideError(f"Alertmanager answers {response.status} to a question about silences")
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise OutsideError("Alertmanager: the silences are not JSON") from error
    return found if isinstance(found, list) else []


class SilencesApi:
    """`receiver.tools.Silencer` over the base URLs of one cluster."""

    def __init__(self, http: Http, urls: Sequence[str], timeout: float = 2.0) -> None:
        self._http = http
        self._urls = tuple(url.rstrip("/") for url in urls)
        self._timeout = timeout

    async def silence(
        self, each: Sequence[Sequence[tuple[str, str]]], seconds: float, about: str
    ) -> None:
        failure = OutsideError("no Alertmanager is configured", sent=False)
        for url in self._urls:
            try:
                now = await self._clock(url)
                for matchers in each:
                    await self._post(url, _body(matchers, now, now + seconds, MARK + about))
            except OutsideError as error:
                failure = error
            else:
                return
        raise failure

    async def unsilence(self, about: str) -> int:
        ended: set[str] = set()
        failure: OutsideError | None = None
        for url in self._urls:
            try:
                for number in await self._open(url, about):
                    if number not in ended:
                        await self._delete(url, number)
                        ended.add(number)
            except OutsideError as error:
                failure = error
        if failure is not None and not ended:
            raise failure
        return len(ended)

    async def _clock(self, url: str) -> float:
        """Alertmanager's own: by one that is ahead of it a silence would begin later, when nobody expects it."""
        response = await self._http.request("GET", f"{url}/api/v2/receivers", timeout=self._timeout)
        try:
            return parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (KeyError, ValueError) as error:
            raise OutsideError("Alertmanager does not say what time it is") from error

    async def _post(self, url: str, body: bytes) -> None:
        response = await self._http.request(
            "POST", f"{url}/api/v2/silences", timeout=self._timeout, headers=_JSON, body=body
        )
        if response.status != 200:
            raise OutsideError(f"Alertmanager answers {response.status} to a silence")

    async def _open(self, url: str, about: str) -> list[str]:
        return [
            str(silence["id"])
            for silence in await listed(self._http, url, self._timeout)
            if is_ours(silence)
            and silence["comment"] == MARK + about
            and (silence.get("status") or {}).get("state") != "expired"
            and silence.get("id")
        ]

    async def _delete(self, url: str, number: str) -> None:
        response = await self._http.request(
            "DELETE", f"{url}/api/v2/silence/{number}", timeout=self._timeout
        )
        if response.status != 200:
            raise OutsideError(f"Alertmanager answers {response.status} to the end of a silence")


def _body(matchers: Sequence[tuple[str, str]], since: float, until: float, comment: str) -> bytes:
    silence = {
        "matchers": [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in matchers
        ],
        "startsAt": _rfc3339(since),
        "endsAt": _rfc3339(until),
        "createdBy": CREATED_BY,
        "comment": comment,
    }
    return json.dumps(silence).encode()


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
