"""Speaks to Sentry, over connections that are kept: an app in trouble sends a hundred envelopes a second.

Only where a project has an `upstream` is it loaded, with aiohttp.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from exporter.intake.settings import Dsn
from prunella.version import version

_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Sentry:
    """One session."""

    session: aiohttp.ClientSession

    async def post(self, to: Dsn, envelope: bytes) -> tuple[int, str]:
        """The status, and what it says of when to come again. Raises ConnectionError."""
        key = f"Sentry sentry_version=7, sentry_key={to.key}, sentry_client=prunella/{version()}"
        headers = {"Content-Type": "application/x-sentry-envelope", "X-Sentry-Auth": key}
        try:
            async with self.session.post(
                to.envelope, data=envelope, headers=headers, allow_redirects=False
            ) as answer:
                await answer.content.read(65_536)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ConnectionError(type(error).__name__) from error
        return answer.status, answer.headers.get("Retry-After", "")


@asynccontextmanager
async def opened() -> AsyncIterator[Sentry]:
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        yield Sentry(session)
