"""Named points before and after each commit, effect, look and message, placed from outside.

Whatever is durable or touches the world goes through the journal and the tools, so standing between the receiver and
those reaches every point that matters, and the product itself holds no trace of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any, cast

from receiver.journal import Journal
from receiver.tools import Http, Programs, Prometheus, Survivors, Tools

Reached = Callable[[str], None]
# asked again and again by timers: dying there is dying anywhere, and how often they are asked is nobody's promise
POLLS = frozenset(
    {
        "next_due",
        "counts",
        "backlog",
        "windows",
        "renew",
        "recall",
        "remember",
        "unheard",
        "frozen",
        "watches",
    }
) | {"incident", "incidents", "these", "verify"}  # the last are people's questions
POLLS_THAT_MAY_FIND = frozenset({"claim", "postings"})


class Watched:
    """Says `reached` around each asynchronous method of what it stands before."""

    def __init__(
        self, inner: object, name: str, reached: Reached, silent: Collection[str] = POLLS
    ) -> None:
        self._inner = inner
        self._name = name
        self._reached = reached
        self._silent = silent

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._inner, method)
        if method in self._silent or not inspect.iscoroutinefunction(real):
            return real
        return partial(self._around, method, real)

    async def _around(
        self, method: str, real: Callable[..., Awaitable[Any]], *values: Any, **named: Any
    ) -> Any:
        finds = method in POLLS_THAT_MAY_FIND
        if not finds:
            self._reached(f"{self._name}.{method}:before")
        result = await real(*values, **named)
        if result or not finds:
            self._reached(f"{self._name}.{method}:after")
        return result


def watched_journal(journal: Journal, reached: Reached) -> Journal:
    """The same journal, with a point around every commit and every question that a stage asks."""
    return cast(Journal, Watched(journal, "journal", reached))


def watched_tools(tools: Tools, reached: Reached) -> Tools:
    """The same tools, with a point around every program, request and query."""
    return replace(
        tools,
        programs=cast(Programs, Watched(tools.programs, "programs", reached)),
        http=cast(Http, Watched(tools.http, "http", reached)),
        prometheus=cast(Prometheus, Watched(tools.prometheus, "prometheus", reached))
        if tools.prometheus is not None
        else None,
    )


def watched_survivors(survivors: Survivors, reached: Reached) -> Survivors:
    """The same search, with a point around it."""
    return cast(Survivors, Watched(survivors, "survivors", reached))
