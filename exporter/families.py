"""Families of fresh values: what a collector answers with, without a registry and without a global gauge.

They are built anew for each scrape, so a family keeps its rows as they come; the samples that prometheus_client would
make of them, a dict each, are made only for whoever asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

Row = tuple[tuple[str, ...], float]
Rows = Iterable[tuple[Sequence[str], float]]
# Label values, the quantiles with their values, how many and their sum.
Quantiles = tuple[tuple[str, ...], Sequence[tuple[str, float]], float, float]
_COUNT, _SUM = "_count", "_sum"
_USUAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Constants = tuple[tuple[str, str], ...]  # label and value

# What making or writing a family raises where a value is no number, or a text cannot be shown.
UNSHOWABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Family(Metric):
    """Series of one name that differ in their labels. `constant` are labels that all of them have besides."""

    bare = False  # a counter without `_total`

    def __init__(self, name: str, text: str, kind: str, labels: Sequence[str], rows: Rows) -> None:
        self.sample = name  # as every series is called
        self.labels = tuple(labels)
        self.name, self.type = _named(name, kind, self.labels)
        self.documentation, self.unit = text, ""
        self.rows = [(tuple(values), float(value)) for values, value in rows]
        self.constant: Constants = ()
        self._samples: list[Sample] | None = None

    @property
    def samples(self) -> list[Sample]:  # type: ignore[override]  # a plain attribute there
        """The same in prometheus_client's own form."""
        if self._samples is None:
            self._samples = [
                Sample(name, dict(pairs), value)
                for values, value in self.rows
                for name, pairs in [self.series(values)]
            ]
        return self._samples

    def series(self, values: tuple[str, ...]) -> tuple[str, Constants]:
        """What the series of these values is called, and its labels."""
        return self.sample, (*self.constant, *zip(self.labels, values, strict=True))

    def add(self, extra: Mapping[str, str]) -> None:
        """Labels for every series, where it has none of that name."""
        known = {*self.labels, *dict(self.constant)}
        more = tuple((name, value) for name, value in extra.items() if name not in known)
        self.constant, self._samples = (*more, *self.constant), None


@lru_cache(4096)
def _named(name: str, kind: str, labels: tuple[str, ...]) -> tuple[str, str]:
    """The family's name and type, once checked: a counter's family has its name without `_total`."""
    for one in (name, *labels):
        if not _USUAL.fullmatch(one):
            raise ValueError(f"{one!r} is no name of letters, digits and underscores")
    checked = Metric(name.removesuffix("_total") if kind == "counter" else name, "", kind)
    return checked.name, checked.type


class Alone(Family):
    """One series without labels, as most of a machine's figures are: made in half the time."""

    def __init__(self, name: str, text: str, kind: str, value: float) -> None:
        self.sample, self.labels = name, ()
        self.name, self.type = _named(name, kind, ())
        self.documentation, self.unit = text, ""
        self.rows = [((), float(value))]
        self.constant, self._samples = (), None


class Summary(Family):
    """The last of the values is a quantile, or says that it is no quantile but how many there were, or their sum."""

    def series(self, values: tuple[str, ...]) -> tuple[str, Constants]:
        if values[-1] not in {_COUNT, _SUM}:
            return super().series(values)
        pairs = zip(self.labels, values[:-1], strict=False)
        return f"{self.sample}{values[-1]}", (*self.constant, *pairs)


class UnsuffixedCounter(Family):
    """Told from what is really unknown, so that the older text format can say `counter`."""

    bare = True


class Written(Metric):
    """A family whose series are lines of text already: what hundreds of figures are read into at each scrape."""

    def __init__(self, pattern: Family, lines: list[str]) -> None:
        self.name, self.type, self.labels = pattern.name, pattern.type, pattern.labels
        self.documentation, self.unit, self.bare = pattern.documentation, "", pattern.bare
        self.lines = lines
        self._more: Constants = ()

    @property
    def samples(self) -> list[Sample]:  # type: ignore[override]  # a plain attribute there
        """The same in prometheus_client's own form, for whoever asks: it is read from the lines."""
        read = text_string_to_metric_families("".join(self.lines))
        more = dict(self._more)
        return [
            sample._replace(labels={**more, **sample.labels}, exemplar=None)
            for family in read
            for sample in family.samples
        ]

    @property
    def whole(self) -> bool:
        """Whether the lines say all of it."""
        return not self._more

    def add(self, extra: Mapping[str, str]) -> None:
        """Labels for every series, where it has none of that name."""
        known = {*self.labels, *dict(self._more)}
        self._more += tuple((name, value) for name, value in extra.items() if name not in known)


class Shape:
    """What the families of one name have in common, checked once."""

    def __init__(self, name: str, text: str, kind: str, labels: Sequence[str]) -> None:
        """`kind` may also be `unsuffixed`; a summary's labels end with `quantile`."""
        if kind == "unsuffixed":
            self._pattern: Family = UnsuffixedCounter(name, text, "unknown", labels, ())
        else:
            self._pattern = (Summary if kind == "summary" else Family)(name, text, kind, labels, ())

    @property
    def pattern(self) -> Family:
        """One without series."""
        return self._pattern

    def written(self, lines: list[str]) -> Metric:
        """The family of these lines, or one that is empty."""
        return Written(self._pattern, lines) if lines else self._pattern


class Sheet(Metric):
    """All that a collector has to say, as lines: five hundred series would be a hundred objects, and be gone through by each who handles them."""

    def __init__(
        self, shapes: Mapping[str, Shape], lines: Mapping[str, list[str]], labels: Sequence[str]
    ) -> None:
        """`labels` are those that every series has."""
        self.name, self.type, self.documentation, self.unit = "", "unknown", "", ""
        self.shapes, self.lines = shapes, lines
        self._labels, self._more = frozenset(labels), dict[str, str]()

    def families(self) -> Iterator[Metric]:
        """Each of them by itself, those without series too."""
        for name, shape in self.shapes.items():
            yield labelled(shape.written(self.lines.get(name, [])), self._more)

    @property
    def samples(self) -> list[Sample]:  # type: ignore[override]  # a plain attribute there
        """Of all of them."""
        return [sample for family in self.families() for sample in family.samples]

    @property
    def whole(self) -> bool:
        """Whether the lines say all of it."""
        return not self._more

    def add(self, extra: Mapping[str, str]) -> None:
        """Labels for every series, where it has none of that name."""
        self._more |= {name: value for name, value in extra.items() if name not in self._labels}


def gauge(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    if not labels and len(alone := [value for _, value in rows]) == 1:
        return Alone(name, text, "gauge", alone[0])
    return Family(name, text, "gauge", labels, rows)


def counter(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """With `_total` at the end of its name."""
    if not name.endswith("_total"):
        raise ValueError(f"{name} is no counter: it does not end in _total")
    return Family(name, text, "counter", labels, rows)


def summary(name: str, text: str, labels: Sequence[str], rows: Iterable[Quantiles]) -> Metric:
    parts = [
        ((*values, part), value)
        for values, quantiles, count, total in rows
        for part, value in (*quantiles, (_COUNT, count), (_SUM, total))
    ]
    return Summary(name, text, "summary", (*labels, "quantile"), parts)


def unsuffixed(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """A counter whose owner named it without `_total`: in OpenMetrics, which knows no such thing, it is `unknown`."""
    return UnsuffixedCounter(name, text, "unknown", labels, rows)


def totals(rows: Rows) -> Rows:
    """Rows of the same labels as one: what has been put under `other`."""
    return summed((tuple(values), value) for values, value in rows)


def summed(rows: Iterable[Row]) -> Sequence[Row]:
    """The same of rows that are at hand as they will be kept."""
    found: dict[tuple[str, ...], float] = {}
    for values, value in rows:
        found[values] = found.get(values, 0.0) + value
    return [*found.items()]


def size(family: Metric) -> int:
    """How many series it has."""
    if isinstance(family, Family):
        return len(family.rows)
    if isinstance(family, Sheet):
        return sum(map(len, family.lines.values()))
    return len(family.lines if isinstance(family, Written) else family.samples)


def unfolded(families: Iterable[Metric]) -> Iterator[Metric]:
    """Each family by itself, a sheet's only where they have series."""
    for family in families:
        if isinstance(family, Sheet):
            yield from (one for one in family.families() if not empty(one))
        else:
            yield family


def empty(family: Metric) -> bool:
    """Whether it has no series."""
    return not size(family)


def labelled(family: Metric, extra: Mapping[str, str]) -> Metric:
    """The family with `extra` on every series that does not say otherwise itself."""
    if isinstance(family, Family | Written | Sheet):
        if extra:
            family.add(extra)
    else:
        family.samples = [
            sample._replace(labels={**extra, **sample.labels}) for sample in family.samples
        ]
    return family
