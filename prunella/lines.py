"""The lines of a page, byte for byte as prometheus_client writes them.

What stands before a value (name, labels and their escaping) is nine tenths of the work and hardly ever new, so it is
asked of prometheus_client's own functions once and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from math import inf

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.exposition import (
    ALLOWUTF8,
    _escape,
    _is_legacy_labelname_rune,
    escape_label_name,
    escape_metric_name,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString
from prometheus_client.validation import _is_valid_legacy_metric_name

from prunella.formats import Form

# between the first two Go writes a number as Python does
LOWEST, GO_DIFFERS, _EXACT = -inf, 1e6, 1e15
END = b"# EOF\n"
_LATER = ("_created", "_gcount", "_gsum")  # in text they follow as gauges, in this order
_PLAIN_NAMES = {
    "counter": ("_total", "counter"),
    "info": ("_info", "gauge"),
    "stateset": ("", "gauge"),
    "gaugehistogram": ("", "histogram"),
    "unknown": ("", "untyped"),
}
_AT_ONCE = 1000
_MOST = 50_000

_by_go: Callable[[float], str] = floatToGoString

Key = tuple[str, tuple[tuple[str, str], ...]]
_kept: dict[Form, dict[Key, str]] = {}


def number(value: float) -> str:
    """As Go writes it."""
    value = float(value)
    return repr(value) if LOWEST < value < GO_DIFFERS else large(value)


def large(value: float) -> str:
    """Go begins to write exponents much sooner."""
    if GO_DIFFERS <= value < _EXACT and value.is_integer():
        digits = str(int(value))
        shown = digits.rstrip("0")
        return f"{shown[0]}{'.' if shown[1:] else ''}{shown[1:]}e+{len(digits) - 1:02d}"
    return _by_go(value)


def series(name: str, labels: Mapping[str, str], form: Form) -> str:
    """What stands before the value, the space included."""
    shown = [
        f'{escape_label_name(label, form.escaping)}="{quoted(value)}"'
        for label, value in sorted(labels.items())
    ]
    if form.escaping == ALLOWUTF8 and not _is_valid_legacy_metric_name(name):
        return f"{{{','.join([escape_metric_name(name, form.escaping), *shown])}}} "
    if form.open:
        # not `escape_metric_name`, with which prometheus_client writes the TYPE of the same metric
        name = _escape(name, form.escaping, _is_legacy_labelname_rune)
    else:
        name = escape_metric_name(name, form.escaping)
    return f"{name}{{{','.join(shown)}}} " if shown else f"{name} "


def quoted(text: str) -> str:
    """As it stands between quotes."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def head(family: Metric, form: Form) -> str:
    """HELP, TYPE and, in OpenMetrics, UNIT."""
    if form.open:
        name = escape_metric_name(family.name, form.escaping)
        unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
        return f"# HELP {name} {quoted(family.documentation)}\n# TYPE {name} {family.type}\n{unit}"
    suffix, kind = _PLAIN_NAMES.get(family.type, ("", family.type))
    return plain_head(family.name + suffix, kind, family.documentation, form)


@lru_cache(4096)
def plain_head(name: str, kind: str, text: str, form: Form) -> str:
    """HELP and TYPE of the older format."""
    name = escape_metric_name(name, form.escaping)
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def later_head(family: Metric, suffix: str, form: Form) -> str:
    """In text: what comes before the samples that only OpenMetrics has."""
    return plain_head(family.name + suffix, "gauge", family.documentation, form)


class _Only(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> list[Metric]:
        return [self._family]


def written(family: Metric, form: Form) -> Iterator[bytes]:
    """A family that others collected, a thousand samples at a time."""
    if form.open and any(sample.exemplar or sample.native_histogram for sample in family.samples):
        page: bytes = openmetrics.generate_latest(_Only(family), form.escaping)  # type: ignore[no-untyped-call]  # the library's own
        yield page.removesuffix(END)
        return
    yield from _open(family, form) if form.open else _plain(family, form)


def _open(family: Metric, form: Form) -> Iterator[bytes]:
    yield head(family, form).encode()
    samples = iter(family.samples)
    while some := list(islice(samples, _AT_ONCE)):
        yield "".join([_open_line(sample, form) for sample in some]).encode()


def _open_line(sample: Sample, form: Form) -> str:
    value: float | None = sample.value  # None is not foreseen, and written all the same
    shown = "" if value is None else number(value)
    moment = "" if sample.timestamp is None else f" {sample.timestamp}"
    return f"{_before(sample, form)}{shown}{moment}\n"


def _plain(family: Metric, form: Form) -> Iterator[bytes]:
    yield head(family, form).encode()
    later: dict[str, list[Sample]] = {}
    names = {family.name + suffix: suffix for suffix in _LATER}
    samples = iter(family.samples)
    while some := list(islice(samples, _AT_ONCE)):
        for sample in some:
            if sample.name in names:
                later.setdefault(names[sample.name], []).append(sample)
        yield "".join([_plain_line(one, form) for one in some if one.name not in names]).encode()
    for suffix, those in sorted(later.items()):
        lines = "".join([_plain_line(sample, form) for sample in those])
        yield (later_head(family, suffix, form) + lines).encode()


def _plain_line(sample: Sample, form: Form) -> str:
    moment = "" if sample.timestamp is None else f" {int(float(sample.timestamp) * 1000):d}"
    return f"{_before(sample, form)}{number(sample.value)}{moment}\n"


def _before(sample: Sample, form: Form) -> str:
    """What stands before its value; kept, and forgotten as a whole when there is too much of it."""
    known = _kept.setdefault(form, {})
    key = sample.name, tuple(sample.labels.items())
    prefix = known.get(key)
    if prefix is None:
        if len(known) >= _MOST:
            known.clear()
        prefix = known[key] = series(sample.name, sample.labels, form)
    return prefix
