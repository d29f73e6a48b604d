"""The receiver's ledger of releases, as a deploy script speaks to it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

TARGET = "shop"
PATH = "/api/v1/releases"


class RefusedError(Exception):
    """The receiver took it not; `reason` is its word, the text what it said."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class ReceiversLedger:
    """Raises RefusedError, and what aiohttp raises when nobody answers."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def releases(self) -> Sequence[Mapping[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = await self._ask("GET", f"{PATH}?target={TARGET}&limit=1000")
        return found

    async def say(self, state: str, version: str, **more: str) -> None:
        """started, finished or failed."""
        body = {"target": TARGET, "version": version, "state": state, **more}
        await self._ask("POST", PATH, body)

    async def mark(self, version: str) -> None:
        """May be gone back to."""
        await self._ask("POST", "/api/v1/restore-points", {"target": TARGET, "version": version})

    async def unfreeze(self) -> None:
        """Deploys go on, as a human says it who has looked."""
        with contextlib.suppress(RefusedError):  # they are not frozen
            await self._ask("POST", f"{PATH}/unfreeze", {"target": TARGET})

    async def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        async with self._session.request(
            method, self._url + path, json=body, headers=self._headers
        ) as answer:
            told = await answer.json(content_type=None)
            if answer.status >= 400:
                raise RefusedError(
                    told.get("reason", ""), told.get("error", f"HTTP {answer.status}")
                )
            return told
