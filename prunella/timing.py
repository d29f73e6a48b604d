"""How long the steps of an app take: one histogram for routes, calls, queries and generations alike."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, ParamSpec, TypeVar, cast, get_args

from prunella.cardinality import Bounded
from prunella.metrics import Histogram

Kind = Literal["route", "api", "db", "external", "ai"]

_SECONDS = Histogram(
    "app_operation_seconds",
    "How long an operation of the app took.",
    ["kind", "name", "outcome"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120),
)
_names = Bounded("app_operation_seconds")

P = ParamSpec("P")
R = TypeVar("R")


class Timer:
    """Times a `with` block or, as a decorator, every call of a function, async ones too."""

    def __init__(self, kind: Kind, name: str) -> None:
        if kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, not {kind!r}")
        self._kind = kind
        self._name = _names(name)
        self._began = 0.0

    def __enter__(self) -> Timer:
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        outcome = "ok" if error is None else "error"
        if isinstance(error, asyncio.CancelledError):
            outcome = "cancelled"
        elapsed = time.perf_counter() - self._began
        _SECONDS.labels(self._kind, self._name, outcome).observe(elapsed)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        # A timer of its own for every call: calls of one function overlap.
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def timed_async(*args: P.args, **kwargs: P.kwargs) -> object:
                with Timer(self._kind, self._name):
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", timed_async)

        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            with Timer(self._kind, self._name):
                return function(*args, **kwargs)

        return timed


def timer(kind: Kind, name: str) -> Timer:
    """`with timer("db", "load_cart"):` or `@timer("external", "send_mail")`."""
    return Timer(kind, name)
