"""Counter, Gauge and Histogram as prometheus_client has them, but for what they cost.

They are its classes, registered, labelled, checked and collected by its own code, with the values kept here: a bisected
bucket, a child found by its labels without a lock, and a note to the family of what changed since it was last shown, so
that a page costs what changed and not what there is.

No lock is taken to count. CPython with its global lock changes threads between two calls and never within one statement
on plain numbers (ADR 61); on other interpreters `prunella.guarded` has the same with a lock. So a signal handler or a
finalizer that counts cannot wait for the code that it interrupted, either.

A child tells its family only once between two pages: `shown` is true from the moment its value is about to be read until
it changes again. Whoever reads sets it first and reads afterwards, so no change goes unseen.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Self

import prometheus_client as client
from prometheus_client import metrics as settings
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.samples import Exemplar, Sample
from prometheus_client.utils import floatToGoString
from prometheus_client.validation import _validate_exemplar

from prunella.changes import Family

__all__ = ["Child", "Counter", "Gauge", "Histogram"]


_valid: Callable[[dict[str, str]], None] = _validate_exemplar
_bound: Callable[[float], str] = floatToGoString


class _Kept(MetricWrapperBase):
    """What our three have in common. Without labels, a metric is its own only child."""

    # In the object itself: a dict lies elsewhere in memory, and a page looks at ten thousand children. They are not on
    # a metric that needs labels: that is how an observation without them is found out.
    __slots__ = ("place", "shown", "told", "total")
    shown: bool
    place: int
    total: float
    told: Family | None  # the one to be told of changes, once somebody reads it
    family: Family | None = None  # of the metric that is registered
    created = 0.0

    def begin(self) -> None:
        """What every child needs to be observed."""
        self.shown = False
        self.place, self.total, self.told = 0, 0.0, None
        self.created = time.time()

    def children(self) -> list[tuple[tuple[str, ...], Any]]:
        """Each child with the values of its labels, in the order in which they are shown."""
        if not self._labelnames:
            return [((), self)]
        with self._lock:
            return [(tuple(values), child) for values, child in self._metrics.items()]

    def names(self) -> tuple[str, ...]:
        """The labels' names."""
        return tuple(self._labelnames)

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Self:
        """The child with these label values, found without a lock where it is known and the values are plain text."""
        if not labelkwargs and labelvalues:
            for value in labelvalues:
                # `str(value)` may be another text than the one it equals
                if value.__class__ is not str:
                    break
            else:
                try:
                    return self._metrics[labelvalues]  # type: ignore[index, return-value]  # the key is plain text
                except (KeyError, AttributeError):
                    pass  # new, or not to be had: prometheus_client says which
        elif labelkwargs and not labelvalues:
            known = self._known(labelkwargs)
            if known is not None:
                return known
        child = super().labels(*labelvalues, **labelkwargs)
        if child.told is None:
            self._reshaped()
        return child

    def _known(self, labels: dict[str, object]) -> Self | None:
        values = []
        for name in self._labelnames:
            value = labels.get(name)
            if value.__class__ is not str:
                return None
            values.append(value)
        if len(labels) != len(values):
            return None
        known: Self | None = getattr(self, "_metrics", {}).get(tuple(values))
        return known

    def remove(self, *labelvalues: Any) -> None:
        super().remove(*labelvalues)
        self._reshaped()

    def remove_by_labels(self, labels: dict[str, str]) -> None:
        super().remove_by_labels(labels)
        self._reshaped()

    def clear(self) -> None:
        super().clear()
        self._reshaped()

    def _reshaped(self) -> None:
        if self.family is not None:
            self.family.reshaped = True

    def _renew(self) -> None:
        """What stands around its value is another now."""
        if self.told is not None:
            self.told.renewed = True

    def check(self) -> None:
        """Raises ValueError where labels are needed."""
        if self._labelnames and not self._labelvalues:
            raise self._missing()

    def _missing(self) -> ValueError:
        return ValueError(f"{self._type} metric is missing label values")

    def tell(self) -> None:
        """The page has to read this child again."""
        if self.shown and self.told is not None:
            self.shown = False
            self.told.changed.append(self)

    def _created_too(self, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        if not settings._use_created:  # noqa: SLF001 - a switch that prometheus_client has no other way to read
            return samples
        return (*samples, Sample("_created", {}, self.created, None, None))


class Counter(_Kept, client.Counter):
    exemplar: Exemplar | None = None

    def _metric_init(self) -> None:
        self.begin()

    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:
        """Adds to it; a negative amount is a ValueError."""
        if amount < 0:
            raise ValueError("Counters can only be incremented by non-negative amounts.")
        if amount.__class__ is not int and amount.__class__ is not float:  # type: ignore[redundant-expr]  # an int is a float to mypy
            amount = float(0.0 + amount)
        try:
            self.total += amount
            if self.shown:
                self.tell()
        except AttributeError:
            raise self._missing() from None
        if exemplar:
            _valid(exemplar)
            self.exemplar = Exemplar(exemplar, amount, time.time())
            self.tell()

    def reset(self) -> None:
        """Back to nothing, as if the process had begun anew."""
        self.total, self.created = 0.0, time.time()
        self._renew()

    def _child_samples(self) -> Iterable[Sample]:
        return self._created_too((Sample("_total", {}, self.total, None, self.exemplar),))


class Gauge(_Kept, client.Gauge):
    asked: Callable[[], float] | None = None

    def _metric_init(self) -> None:
        self.begin()

    def inc(self, amount: float = 1) -> None:
        """Adds to it."""
        if self._is_most_recent:
            raise RuntimeError("inc must not be used with the mostrecent mode")
        if amount.__class__ is not int and amount.__class__ is not float:  # type: ignore[redundant-expr]  # an int is a float to mypy
            amount = float(0.0 + amount)
        try:
            self.total += amount
            if self.shown:
                self.tell()
        except AttributeError:
            raise self._missing() from None

    def dec(self, amount: float = 1) -> None:
        """Takes from it."""
        if self._is_most_recent:
            raise RuntimeError("dec must not be used with the mostrecent mode")
        self.inc(-amount)

    def set(self, value: float) -> None:
        """From now on it is this."""
        self.total = value if value.__class__ is float else float(value)
        try:
            if self.shown:
                self.tell()
        except AttributeError:
            raise self._missing() from None

    def set_function(self, f: Callable[[], float]) -> None:
        """From now on it is what the function says, asked at every scrape."""
        super().set_function(f)
        self.asked = f
        self._renew()

    def _child_samples(self) -> Iterable[Sample]:
        return (Sample("", {}, self.total, None, None),)


class Histogram(_Kept, client.Histogram):
    __slots__ = ("bounds", "counts")
    bounds: Sequence[float]
    counts: list[int]
    exemplars: list[Exemplar | None] | None = None

    def _metric_init(self) -> None:
        self.begin()
        self.bounds = tuple(self._upper_bounds)
        self.counts = [0] * len(self.bounds)

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Counts it in its bucket. NaN is in none, and makes the sum NaN."""
        if amount.__class__ is not float:
            amount = float(0.0 + amount)
        try:
            found = bisect_left(self.bounds, amount)
        except AttributeError:
            raise self._missing() from None
        if found or amount == amount:  # noqa: PLR0124 - only NaN does not equal itself; a call would cost a tenth of all
            self.counts[found] += 1
            self.total += amount
        else:
            self.total += amount
            exemplar = None
        if self.shown:
            self.tell()
        if exemplar:
            self._remember(found, exemplar, amount)

    def _remember(self, bucket: int, exemplar: dict[str, str], amount: float) -> None:
        _valid(exemplar)
        if self.exemplars is None:
            self.exemplars = [None] * len(self.bounds)
        self.exemplars[bucket] = Exemplar(exemplar, amount, time.time())
        self.tell()

    def snapshot(self) -> tuple[list[int], float, list[Exemplar | None] | None]:
        """Counts, sum and exemplars of one moment."""
        return self.counts[:], self.total, self.exemplars

    def _child_samples(self) -> Iterable[Sample]:
        counts, total, exemplars = self.snapshot()
        below = [float(count) for count in accumulate(counts)]
        marks: Sequence[Exemplar | None] = exemplars or [None] * len(below)
        samples = [
            Sample("_bucket", {"le": _bound(bound)}, value, None, mark)
            for bound, value, mark in zip(self.bounds, below, marks, strict=True)
        ]
        samples.append(Sample("_count", {}, below[-1], None, None))
        if self.bounds[0] >= 0:
            samples.append(Sample("_sum", {}, total, None, None))
        return self._created_too(tuple(samples))


Child = Counter | Gauge | Histogram
