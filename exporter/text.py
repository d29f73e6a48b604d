"""Families as the text that Prometheus reads, byte for byte what prometheus_client writes of them, many times faster.

A family's values are new at each scrape; its names and labels hardly ever are. So what stands before a value is kept
from scrape to scrape, and a line is that and the value. Whatever has more than a value (an exemplar, a timestamp, a
`_created`) is left to prometheus_client.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import inf

from prometheus_client import exposition
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from exporter.families import Alone, Constants, Family, Shape, Sheet, Written, unfolded

_MOST = 10_000  # prefixes of one family; a name with more has labels that come and go
_SHAPES = 4096
_PLAIN = frozenset({"gauge", "counter", "histogram", "summary", "unknown"})
_THEIRS = ("_created", "_gsum", "_gcount")
END = b"# EOF\n"
_LOWEST, _GO_DIFFERS, _EXACT = -inf, 1e6, 1e15

Prefixes = dict[tuple[str, ...], str]
_kept: dict[tuple[str, tuple[str, ...], Constants], Prefixes] = {}


class _These(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


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
            lines.append(_plain_head(*_called(family), family.documentation))
            _series(family, lines)
        else:
            lines.append(exposition.generate_latest(_These([family])).decode())
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
            page: bytes = openmetrics.generate_latest(_These([family]))  # type: ignore[no-untyped-call]  # the library's own
            lines.append(page.removesuffix(END).decode())
    return "".join(lines).encode()


def _percentages(family: Family | Written, lines: list[str]) -> None:
    """A summary as redis_exporter has it, by percentages: OpenMetrics knows quantiles from 0 to 1 only, so it is unknown there."""
    written: list[str] = []
    _series(family, written)
    series = [f"{line}\n" for line in "".join(written).split("\n")]
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
    return _plain_head(*_called(shape.pattern), shape.pattern.documentation)


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
def _plain_head(name: str, kind: str, text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {escaped}\n# TYPE {name} {kind}\n"


@lru_cache(_SHAPES)
def _alone(sample: str, constant: Constants, text: str, kind: str) -> str:
    """All that stands before the value of a family's only series."""
    shown = "untyped" if kind == "unknown" else kind
    return _plain_head(sample, shown, text) + beginning(sample, constant)


@lru_cache(_SHAPES)
def _open_head(name: str, text: str, kind: str) -> str:
    return f"# HELP {name} {_escaped(text)}\n# TYPE {name} {kind}\n"


def _series(family: Metric, lines: list[str]) -> None:
    if isinstance(family, Written) and family.whole:
        lines.extend(family.lines)
        return
    if not isinstance(family, Family):
        _samples(family.samples, lines)
        return
    known = _prefixes(family.sample, family.labels, family.constant)
    add, low, high = lines.append, _LOWEST, _GO_DIFFERS
    for values, value in family.rows:
        prefix = known.get(values)
        if prefix is None:
            prefix = known[values] = beginning(*family.series(values))
        # `number`, here because a call costs as much as the rest of the line
        add(f"{prefix}{value!r}\n" if low < value < high else f"{prefix}{_large(value)}\n")


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
    shown = ",".join(f'{label}="{_escaped(value)}"' for label, value in sorted(pairs))
    return f"{name}{{{shown}}} "


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def number(value: float) -> str:
    """As Go writes it: what most values are needs no more than Python's own spelling."""
    value = float(value)
    return repr(value) if _LOWEST < value < _GO_DIFFERS else _large(value)


def _large(value: float) -> str:
    """Go begins to write exponents much sooner."""
    if _GO_DIFFERS <= value < _EXACT and value.is_integer():
        digits = str(int(value))
        shown = digits.rstrip("0")
        return f"{shown[0]}{'.' if shown[1:] else ''}{shown[1:]}e+{len(digits) - 1:02d}"
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # the library's own
