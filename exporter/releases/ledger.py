"""The receiver's own ledger, over its API: for a Prometheus that cannot scrape the receiver itself."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from exporter.probing.contexts import Contexts, Demands
from exporter.probing.outcome import Failed
from exporter.releases.base import LONGEST, Release, Seen, SourceError
from prunella.service.clock import Clock

LIMIT = 1000  # releases that the receiver lists at most
LARGEST = 4 << 20
PATIENCE = 5.0
GIVEN_UP = 3600.0  # a deploy that has not ended after an hour is none: the receiver's own rule


class Ledger:
    def __init__(self, url: str, token: str, ca_file: Path | None, clock: Clock) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/releases"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._trusted = Contexts(Demands(ca_file=ca_file)) if ca_file is not None else None
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def read(self) -> Seen:
        try:
            rows = json.loads(await self._body())
        except TimeoutError:
            raise SourceError(f"no answer within {PATIENCE:g}s") from None
        except (aiohttp.ClientError, OSError, Failed) as error:
            raise SourceError(str(error) or type(error).__name__) from None
        except (ValueError, RecursionError):
            raise SourceError("what answers there is no receiver: it sends no JSON") from None
        return seen(rows, self._clock.now())

    async def _body(self) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1),
                timeout=aiohttp.ClientTimeout(total=PATIENCE),
                headers=self._headers,
            )
        async with self._session.get(
            self._url, params={"limit": str(LIMIT)}, allow_redirects=False, ssl=await self._tls()
        ) as answer:
            if answer.status != 200:
                cure = {401: "give a `token` that may read", 403: "the `token` may not read"}
                raise SourceError(
                    f"answers {answer.status}: {cure.get(answer.status, 'see its log')}"
                )
            body = await answer.content.read(LARGEST)
            if not answer.content.at_eof():
                raise SourceError(f"sends more than {LARGEST >> 20} MiB")
            return body

    async def _tls(self) -> ssl.SSLContext | bool:
        return True if self._trusted is None else await self._trusted.context()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


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
        version, phase = _text(row, "version"), row.get("phase")
        if row.get("serves") is True and version:
            yield Release(
                service=_service(row),
                target=_text(row, "target"),
                version=version,
                commit=_text(row, "commit"),
                began=_moment(row.get("deployed_at")),
                phase=phase if isinstance(phase, int) else 0,
            )


def _deploys(row: Mapping[str, Any], now: float) -> bool:
    return row.get("state") == "deploying" and now - _moment(row.get("deployed_at")) < GIVEN_UP


def _service(row: Mapping[str, Any]) -> str:
    """What its alerts are labelled with; an older receiver does not tell, and for most targets it is their name."""
    return _text(row, "service") or _text(row, "target")


def _text(row: Mapping[str, Any], key: str) -> str:
    found = row.get(key)
    return found[:LONGEST] if isinstance(found, str) else ""


def _moment(text: object) -> float:
    try:
        return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
