"""The metric types for interpreters on which two threads can work in one statement: each observation takes a lock.

Free-threaded builds of CPython, its versions that nobody has looked at yet, and other Pythons.
"""

from __future__ import annotations

import sys
from threading import RLock

from prometheus_client.samples import Exemplar

from prunella import instruments

_READ_UP_TO = (3, 14)  # the interpreter's sources: where it may change threads


def needed() -> bool:
    """Whether one statement on plain numbers may be interrupted by another thread here."""
    has_one_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    return not (
        sys.implementation.name == "cpython"
        and sys.version_info[:2] <= _READ_UP_TO
        and has_one_lock
    )


class Counter(instruments.Counter):
    def begin(self) -> None:
        """What every child needs to be observed."""
        self._guard = RLock()
        super().begin()

    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:
        """Adds to it; a negative amount is a ValueError."""
        self.check()
        with self._guard:
            super().inc(amount, exemplar)


class Gauge(instruments.Gauge):
    def begin(self) -> None:
        """What every child needs to be observed."""
        self._guard = RLock()
        super().begin()

    def inc(self, amount: float = 1) -> None:
        """Adds to it; `dec` does so, too."""
        self.check()
        with self._guard:
            super().inc(amount)

    def set(self, value: float) -> None:
        """From now on it is this."""
        self.check()
        with self._guard:
            super().set(value)


class Histogram(instruments.Histogram):
    def begin(self) -> None:
        """What every child needs to be observed."""
        self._guard = RLock()
        super().begin()

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Counts it in its bucket."""
        self.check()
        with self._guard:
            super().observe(amount, exemplar)

    def snapshot(self) -> tuple[list[int], float, list[Exemplar | None] | None]:
        """Counts, sum and exemplars of one moment."""
        with self._guard:
            return super().snapshot()
