"""Generations of language models: how long they take, and since when the oldest that has not ended is under way.

A generation that hangs has no duration yet; only when it began can show it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import ParamSpec, TypeVar

from prunella.cardinality import Bounded
from prunella.metrics import Gauge, Histogram
from prunella.timing import decorated, outcome_of

_SECONDS = Histogram(
    "ai_generation_seconds",
    "How long a generation took.",
    ["model", "outcome"],
    buckets=(0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 90, 120, 180, 300, 600),
)
_OLDEST = Gauge(
    "ai_generation_oldest_inflight_timestamp_seconds",
    "When the oldest generation that goes on began; 0 = none goes on.",
    ["model"],
    multiprocess_mode="liveall",
)
_models = Bounded("ai_generation_seconds", limit=50)
_began: dict[str, dict[int, float]] = {}  # by model, the oldest first
_lock = Lock()

P = ParamSpec("P")
R = TypeVar("R")


class Generation:
    """One, from its request to its last word; as a decorator, each call of a function."""

    __slots__ = ("_began", "_model")

    def __init__(self, model: str) -> None:
        self._model = _models(model)
        self._began = 0.0

    def __enter__(self) -> Generation:
        self._began = time.perf_counter()
        with _lock:
            _began.setdefault(self._model, {})[id(self)] = time.time()
            self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        elapsed = time.perf_counter() - self._began
        with _lock:
            _began[self._model].pop(id(self), None)
            self._show()
        _SECONDS.labels(self._model, outcome_of(error)).observe(elapsed)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        return decorated(function, lambda: Generation(self._model))

    def _show(self) -> None:
        _OLDEST.labels(self._model).set(next(iter(_began[self._model].values()), 0.0))


def generation(model: str) -> Generation:
    """`with generation("gpt-x"):` or `@generation("gpt-x")`."""
    return Generation(model)
