"""Series as lines of text, put together as the answers are read: what stands before a value is kept from scrape to scrape."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from exporter.families import Shape, Sheet
from exporter.text import beginning
from prunella.lines import number

MOST = 20_000  # beginnings of one source; one that has more makes names up

Lines = dict[str, list[str]]  # by the family's name
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """One family: its full name, its type, what it says, and its labels besides those that every series has."""

    name: str
    kind: str  # gauge, counter, unsuffixed, summary, histogram or unknown
    text: str
    labels: Sequence[str] = ()


def sheets(specs: Sequence[Spec], labels: Sequence[str]) -> Callable[[Lines], Sheet]:
    """What makes a sheet of these families' lines; every series has `labels`. The families are checked with the first one."""

    @cache
    def shapes() -> Mapping[str, Shape]:
        return {
            spec.name: Shape(spec.name, spec.text, spec.kind, (*labels, *spec.labels))
            for spec in specs
        }

    return lambda lines: Sheet(shapes(), lines, labels)


class Source:
    """Where series come from, whose `labels` all of them have."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self._begins: dict[tuple[str, Labels], str] = {}
        self._several: dict[tuple[str, Labels], tuple[str, ...]] = {}

    def add(self, lines: Lines, family: str, value: float, *more: tuple[str, str]) -> None:
        lines[family].append(f"{self.begin(family, *more)}{value!r}\n")

    def begin(self, series: str, *more: tuple[str, str]) -> str:
        known = self._begins.get((series, more))
        if known is None:
            if len(self._begins) > MOST:
                self._begins.clear()
            known = self._begins[series, more] = beginning(series, (*self.labels, *more))
        return known

    def begins(self, what: str, families: Sequence[str], *more: tuple[str, str]) -> tuple[str, ...]:
        """Of the series that these families have with these labels; `what` stands for the families."""
        known = self._several.get((what, more))
        if known is None:
            made = tuple(beginning(family, (*self.labels, *more)) for family in families)
            known = self._keep(what, more, made)
        return known

    def spread(
        self, family: str, label: str, values: Sequence[str], *more: tuple[str, str]
    ) -> tuple[str, ...]:
        """Of the series that one family has for each of these values of a label."""
        known = self._several.get((family, more))
        if known is None:
            made = tuple(beginning(family, (*self.labels, *more, (label, one))) for one in values)
            known = self._keep(family, more, made)
        return known

    def _keep(self, what: str, more: Labels, made: tuple[str, ...]) -> tuple[str, ...]:
        if len(self._several) > MOST:
            self._several.clear()
        self._several[what, more] = made
        return made


class RoundTrips:
    """A histogram of how long one source took to answer."""

    def __init__(self, name: str, buckets: Sequence[float]) -> None:
        self._name, self._buckets = name, buckets
        self._bounds = (*map(number, buckets), "+Inf")
        self._counts, self._sum = [0] * len(self._bounds), 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self._buckets, seconds)] += 1
        self._sum += seconds

    def write(self, source: Source, lines: Lines) -> None:
        its, so_far = lines[self._name], 0
        for bound, count in zip(self._bounds, self._counts, strict=True):
            so_far += count
            its.append(f"{source.begin(f'{self._name}_bucket', ('le', bound))}{so_far}\n")
        its.append(f"{source.begin(f'{self._name}_count')}{so_far}\n")
        its.append(f"{source.begin(f'{self._name}_sum')}{number(self._sum)}\n")
