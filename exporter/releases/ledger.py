"""The receiver's own ledger, over its API: for a Prometheus that cannot scrape the receiver itself."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from exporter.http_client import Answered, Question, ask
from exporter.probing.contexts import Contexts, Demands
from exporter.probing.outcome import Failed
from exporter.releases.base import LONGEST, Release, Seen, SourceError
from prunella.service.clock import Clock

LIMIT = 1000  # releases that the receiver lists at most
LARGEST = 4 << 20
PATIENCE = 5.0
GIVEN_UP = 3600.0  # a deploy that has not ended after an hour is none: the receiver's own rule
PHASES = 1000  # of one launch watch; nobody has so many

# half a character, which JSON can say and no page can show
_HALF = re.compile("[\ud800-\udfff]")


class Ledger:
    def __init__(self, url: str, token: str, ca_file: Path | None, clock: Clock) -> None:
        self._question = Question(
            url=url,
            path=f"/api/v1/releases?limit={LIMIT}",
            most=LARGEST,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            trusted=Contexts(Demands(ca_file=ca_file)),
        )
        self._clock = clock

    async def read(self) -> Seen:
        try:
            async with asyncio.timeout(PATIENCE):
                answered = await ask(self._question)
        except TimeoutError:
            raise SourceError(f"no answer within {PATIENCE:g}s") from None
        except Failed as error:
            raise SourceError(str(error)) from None
        try:
            rows = json.loads(_body(answered))
        except (ValueError, RecursionError):
            raise SourceError("what answers there is no receiver: it sends no JSON") from None
        return seen(rows, self._clock.now())


def _body(answered: Answered) -> bytes:
    if answered.status != 200:
        cure = {401: "give a `token` that may read", 403: "the `token` may not read"}
        raise SourceError(f"answers {answered.status}: {cure.get(answered.status, 'see its log')}")
    if not answered.whole:
        raise SourceError(f"sends more than {LARGEST >> 20} MiB")
    return answered.body


def seen(rows: object, now: float) -> Seen:
    """Of the receiver's list: what serves, target by target. Raises SourceError when it is no such list."""
    if not isinstance(rows, list):
        raise SourceError("what answers there is no receiver: it sends no list of releases")
    known = [row for row in rows if isinstance(row, dict) and _text(row, "target")]
    deploying = {_service(row): False for row in known}
    for row in known:
        deploying[_service(row)] |= _deploys(row, now)
    return Seen(tuple(_releases(known)), deploying)


def _releases(rows: Iterable[Mapping[str, Any]]) -> Iterable[Release]:
    for row in rows:
        version = _text(row, "version")
        if row.get("serves") is True and version:
            yield Release(
                service=_service(row),
                target=_text(row, "target"),
                version=version,
                commit=_text(row, "commit"),
                began=_moment(row.get("deployed_at")),
                phase=_phase(row.get("phase")),
            )


def _deploys(row: Mapping[str, Any], now: float) -> bool:
    return row.get("state") == "deploying" and now - _moment(row.get("deployed_at")) < GIVEN_UP


def _service(row: Mapping[str, Any]) -> str:
    """What its alerts are labelled with; an older receiver does not tell, and for most targets it is their name."""
    return _text(row, "service") or _text(row, "target")


def _text(row: Mapping[str, Any], key: str) -> str:
    found = row.get(key)
    return found[:LONGEST] if isinstance(found, str) and not _HALF.search(found) else ""


def _phase(said: object) -> int:
    return said if isinstance(said, int) and 0 <= said <= PHASES else 0


def _moment(text: object) -> float:
    try:
        return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
