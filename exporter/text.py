"""Families as the text that Prometheus reads, byte for byte what prometheus_client writes of them, many times faster.

A family's values are new at each scrape; its names and labels hardly ever are. So what stands before a value is kept
from scrape to scrape, and a line is that and the value. Whatever has more than a value (an exemplar, a timestamp, a
`_created`) is written as the kit writes what others collected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from exporter.families import Alone, Constants, Family, Shape, Sheet, Written, unfolded
from prunella.formats import PLAIN, Form
from prunella.lines import GO_DIFFERS, LOWEST, large, number, plain_head, quoted, written

_MOST = 10_000  # prefixes of one family; a name with more has labels that come and go
_SHAPES = 4096
_PLAIN = frozenset({"gauge", "counter", "histogram", "summary", "unknown"})
_THEIRS = ("_created", "_gsum", "_gcount")
_OPEN = Form(open=True)

Prefixes = dict[tuple[str, ...], str]
_kept: dict[tuple[str, tuple[str, ...], Constants], Prefixes] = {}


def plain(families: Iterable[Metric]) -> bytes:
    """The text format 0.0.4, which is also 1.0.0 where names are as usual."""
    lines: list[str] = []
    for family in families:
        if isinstance(family, Alone):
            head = _alone(family.sample, family.constant, family.documentation, family.type)
            lines.append(f"{head}{number(family.rows[0][1])}\n")
        elif isinstance(family, Sheet):
            _sheet(family, lines)
        elif _is_ordinary(family):
            lines.append(plain_head(*_called(family), family.documentation, PLAIN))
            _series(family, lines)
        else:
            lines += (part.decode() for part in written(family, PLAIN))
    return "".join(lines).encode()


def open_metrics(families: Iterable[Metric]) -> bytes:
    """OpenMetrics 1.0.0, without the line that ends the page."""
    lines: list[str] = []
    for family in unfolded(families):
        if family.type == "summary" and isinstance(family, Family | Written):
            _percentages(family, lines)
        elif _is_ordinary(family) and not family.unit:
            lines.append(_open_head(family.name, family.documentation, family.type))
            _series(family, lines)
        else:
            lines += (part.decode() for part in written(family, _OPEN))
    return "".join(lines).encode()


def _percentages(family: Family | Written, lines: list[str]) -> None:
    """A summary as redis_exporter has it, by percentages: OpenMetrics knows quantiles from 0 to 1 only, so it is unknown there."""
    as_one: list[str] = []
    _series(family, as_one)
    series = [f"{line}\n" for line in "".join(as_one).split("\n")]
    for name in (family.name, f"{family.name}_count", f"{family.name}_sum"):
        own = [line for line in series if line.startswith((f"{name}{{", f"{name} "))]
        if own:
            lines += [_open_head(name, family.documentation, "unknown"), *own]


def _sheet(sheet: Sheet, lines: list[str]) -> None:
    if not sheet.whole:
        lines.append(plain(unfolded([sheet])).decode())
        return
    for name, its in sheet.lines.items():
        if its:
            lines.append(_shape_head(sheet.shapes[name]))
            lines += its


@lru_cache(_SHAPES)
def _shape_head(shape: Shape) -> str:
    return plain_head(*_called(shape.pattern), shape.pattern.documentation, PLAIN)


def _is_ordinary(family: Metric) -> bool:
    if isinstance(family, Family | Written):
        return True
    return family.type in _PLAIN and all(map(_is_plain, family.samples))


def _is_plain(sample: Sample) -> bool:
    extras = (sample.timestamp, sample.exemplar, sample.native_histogram)
    return extras == (None, None, None) and not sample.name.endswith(_THEIRS)


def _called(family: Metric) -> tuple[str, str]:
    """Its name and type in the older format."""
    if isinstance(family, Family | Written) and family.bare:
        return family.name, "counter"
    if family.type == "counter":
        return f"{family.name}_total", family.type
    return family.name, "untyped" if family.type == "unknown" else family.type


@lru_cache(_SHAPES)
def _alone(sample: str, constant: Constants, text: str, kind: str) -> str:
    """All that stands before the value of a family's only series."""
    shown = "untyped" if kind == "unknown" else kind
    return plain_head(sample, shown, text, PLAIN) + beginning(sample, constant)


@lru_cache(_SHAPES)
def _open_head(name: str, text: str, kind: str) -> str:
    return f"# HELP {name} {quoted(text)}\n# TYPE {name} {kind}\n"


def _series(family: Metric, lines: list[str]) -> None:
    if isinstance(family, Written) and family.whole:
        lines.extend(family.lines)
        return
    if not isinstance(family, Family):
        _samples(family.samples, lines)
        return
    known = _prefixes(family.sample, family.labels, family.constant)
    add, low, high = lines.append, LOWEST, GO_DIFFERS
    for values, value in family.rows:
        prefix = known.get(values)
        if prefix is None:
            prefix = known[values] = beginning(*family.series(values))
        # `number`, here because a call costs as much as the rest of the line
        add(f"{prefix}{value!r}\n" if low < value < high else f"{prefix}{large(value)}\n")


def _samples(samples: Sequence[Sample], lines: list[str]) -> None:
    for sample in samples:
        labels = sample.labels
        known = _prefixes(sample.name, tuple(labels), ())
        values = tuple(labels.values())
        prefix = known.get(values)
        if prefix is None:
            prefix = known[values] = beginning(sample.name, tuple(labels.items()))
        lines.append(f"{prefix}{number(sample.value)}\n")


def _prefixes(name: str, labels: tuple[str, ...], constant: Constants) -> Prefixes:
    """What is kept of this shape; thrown away as a whole when it has become too much."""
    shape = name, labels, constant
    known = _kept.get(shape)
    if known is None or len(known) > _MOST:
        if len(_kept) >= _SHAPES:
            _kept.clear()
        known = _kept[shape] = {}
    return known


def beginning(name: str, pairs: Constants) -> str:
    """What stands before a series' value."""
    if not pairs:
        return f"{name} "
    shown = ",".join(f'{label}="{quoted(value)}"' for label, value in sorted(pairs))
    return f"{name}{{{shown}}} "
