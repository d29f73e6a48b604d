"""Every request of an httpx client carries the correlation id: `httpx.Client(event_hooks=correlation())`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from prunella.correlation import outgoing_headers


def correlation() -> dict[str, list[Callable[..., Any]]]:
    """For a Client's `event_hooks`. A header that the call sets itself is left alone."""
    return {"request": [_add]}


def async_correlation() -> dict[str, list[Callable[..., Any]]]:
    """The same for an AsyncClient."""
    return {"request": [_add_async]}


def _add(request: httpx.Request) -> None:
    for name, value in outgoing_headers().items():
        request.headers.setdefault(name, value)


async def _add_async(request: httpx.Request) -> None:
    _add(request)
