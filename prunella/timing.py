"""How long the steps of an app take: one histogram for routes, calls, queries and generations alike."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import AsyncIterator, Callable, Generator
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeVar, cast, get_args

from prunella.cardinality import Bounded
from prunella.metrics import Histogram

Kind = Literal["route", "api", "db", "external", "ai"]
Outcome = Literal["ok", "error", "cancelled"]

_SECONDS = Histogram(
    "app_operation_seconds",
    "How long an operation of the app took.",
    ["kind", "name", "outcome"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120),
)
_KINDS = frozenset(get_args(Kind))
_names = Bounded("app_operation_seconds")

P = ParamSpec("P")
R = TypeVar("R")


def outcome_of(error: BaseException | None) -> Outcome:
    """Whatever a block ended with. To be cancelled, or closed half-way, is no error."""
    if error is None:
        return "ok"
    if isinstance(error, Exception):
        return "error"
    # by its name: nobody shall wait for asyncio to be imported, and trio has one of its own
    calls_off = {"CancelledError", "Cancelled", "GeneratorExit"}
    return "cancelled" if type(error).__name__ in calls_off else "error"


class Timer:
    """Times a `with` block or, as a decorator, every call of a function: async ones and generators until their end."""

    __slots__ = ("_began", "_kind", "_name")

    def __init__(self, kind: Kind, name: str) -> None:
        if kind not in _KINDS:
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
        elapsed = time.perf_counter() - self._began
        _SECONDS.labels(self._kind, self._name, outcome_of(error)).observe(elapsed)

    async def __aenter__(self) -> Timer:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, _)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        return decorated(function, lambda: Timer(self._kind, self._name))


def decorated(function: Callable[P, R], around: Callable[[], Any]) -> Callable[P, R]:
    """The function with such a block around every call: one of its own, for calls overlap."""
    called = cast("Callable[..., Any]", function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        found = _awaited(called, around)
    else:
        found = _called(called, around)
    return cast("Callable[P, R]", functools.wraps(called)(found))


def _awaited(called: Callable[..., Any], around: Callable[[], Any]) -> Callable[..., Any]:
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        with around():
            return await called(*args, **kwargs)

    async def streamed(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with around():
            async for part in called(*args, **kwargs):
                yield part

    return streamed if inspect.isasyncgenfunction(called) else awaited


def _called(called: Callable[..., Any], around: Callable[[], Any]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        with around():
            return called(*args, **kwargs)

    def generated(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with around():
            result = yield from called(*args, **kwargs)
        return result

    return generated if inspect.isgeneratorfunction(called) else timed


def timer(kind: Kind, name: str) -> Timer:
    """`with timer("db", "load_cart"):` or `@timer("external", "send_mail")`."""
    return Timer(kind, name)
