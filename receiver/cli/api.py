"""The receiver's API from the operator's side: one request, its JSON, and errors that say what to do next."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

PATIENCE = 30.0


class UsageError(Exception):
    """The command line says what cannot be; nothing was asked."""


class ApiError(Exception):
    """The receiver could not be asked, or said no (`status`); the text is for a person."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Api:
    """Where the receiver is and who asks."""

    url: str
    token: str | None

    async def get(self, path: str) -> Any:
        """The answer's JSON. Raises ApiError."""
        return await self._ask("GET", path, None)

    async def post(
        self, path: str, body: dict[str, object] | None = None, patience: float = PATIENCE
    ) -> Any:
        """The answer's JSON. Raises ApiError."""
        return await self._ask("POST", path, body or {}, patience)

    async def fetch(self, path: str, patience: float = PATIENCE) -> bytes:
        """An answer that is no JSON. Raises ApiError."""
        timeout = aiohttp.ClientTimeout(total=patience)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self.url + path, headers=self._headers()) as answer,
            ):
                await self._refuse(answer)
                return await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def delete(self, path: str) -> Any:
        """The answer's JSON. Raises ApiError."""
        return await self._ask("DELETE", path, None)

    async def lines(self, path: str) -> AsyncIterator[str]:
        """The answer line by line. Raises ApiError."""
        endless = aiohttp.ClientTimeout(total=None, sock_read=30)
        try:
            async with (
                aiohttp.ClientSession(timeout=endless, read_bufsize=1 << 20) as session,
                session.get(self.url + path, headers=self._headers()) as answer,
            ):
                await self._refuse(answer)
                async for line in answer.content:
                    yield line.decode().rstrip("\n")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def _ask(
        self, method: str, path: str, body: dict[str, object] | None, patience: float = PATIENCE
    ) -> Any:
        timeout = aiohttp.ClientTimeout(total=patience)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(
                    method, self.url + path, json=body, headers=self._headers()
                ) as answer,
            ):
                await self._refuse(answer)
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def _refuse(self, answer: aiohttp.ClientResponse) -> None:
        if answer.status < 400:
            return
        text = await answer.text()
        try:
            said = json.loads(text)["error"]
        except (ValueError, KeyError, TypeError):
            said = f"HTTP {answer.status}"
        cure = ""
        if answer.status in {401, 403}:
            cure = ": give a token with --token-file or PRUNELLA_TOKEN_FILE"
        raise ApiError(f"{said}{cure}", answer.status)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _unreachable(self, error: Exception) -> ApiError:
        why = str(error) or type(error).__name__
        return ApiError(
            f"no answer from {self.url} ({why}): is the receiver running? `systemctl status prunella-receiver` or `make up` says; "
            "--url or PRUNELLA_URL names another"
        )
