"""A family's part of the page, kept as text: what did not change since the last page costs nothing, what changed is
written into a template in which only its values are missing.

All work comes in steps of bounded length, so that an event loop can do something else in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import cast

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import _compose_exemplar_string
from prometheus_client.samples import Exemplar, Sample

from prunella import guarded
from prunella.changes import Family, Shown
from prunella.formats import Form
from prunella.instruments import Child, Counter, Gauge, Histogram
from prunella.lines import GO_DIFFERS, LOWEST, head, later_head, number, series
from prunella.pieces import PIECE, Blocks, Lines

_NEW = 16  # children at once that have not been shown before: all that stands around their values has to be made
_UNREAD = 1000
_READERS = 2  # formats kept of a family: Prometheus asks for one, a human for another
_OURS = {Counter, Gauge, Histogram, guarded.Counter, guarded.Gauge, guarded.Histogram}


def ours(collector: object) -> Child | None:
    """The collector, if it is one of the metrics that keep account of their changes."""
    return cast("Child", collector) if type(collector) in _OURS else None


def sheet(metric: Child, form: Form, *, created: bool) -> Sheet:
    """The part of the page that is this metric's, as it was kept or anew."""
    if metric.family is None:
        metric.family = Family(metric)
    family, created = metric.family, created and not isinstance(metric, Gauge)
    key = form._replace(newer=False), created
    with family.guard:
        found = family.readers.pop(key, None)
        if found is None:
            while len(family.readers) >= _READERS:
                del family.readers[next(iter(family.readers))]
            kind = Histograms if isinstance(metric, Histogram) else Values
            found = kind(metric, family, *key)
        family.readers[key] = found  # the newest last
    return cast("Sheet", found)


class Sheet:
    """One family in one format."""

    _step = 128  # children at once

    def __init__(self, metric: Child, family: Family, form: Form, created: bool) -> None:
        self._family, self._form, self._created = family, form, created
        self._described: Metric = next(iter(metric.describe()))
        self._names = metric.names()
        self._head = head(self._described, form).encode()
        self.begin()

    def begin(self) -> None:
        """Forgets all."""
        self._lines = Lines()
        self._later = Blocks()
        self._pending: list[Shown] = []
        self._live: dict[int, Gauge] = {}

    def read(self, changed: list[Shown]) -> None:
        """They are read by the next `steps`."""
        self._pending += changed
        if len(self._pending) > _UNREAD + len(self._lines.blocks):
            self._pending = list(dict.fromkeys(self._pending))  # this format is seldom asked for

    def steps(self, out: list[bytes]) -> Iterator[None]:
        """Adds the part's bytes to `out`; between two steps others may work, even on this same sheet."""
        guard = self._family.guard
        with guard:
            self._family.update()
        while True:
            with guard:
                if not self._work():
                    lines, later = self._lines, self._later  # whole now; others may begin anew
                    break
            yield
        out.append(self._head)
        yield from lines.steps(guard, out)
        if later.blocks:
            out.append(later_head(self._described, "_created", self._form).encode())
            yield from later.steps(guard, out)

    def _work(self) -> bool:
        """One step; whether there was anything to do."""
        known, most = len(self._lines.blocks), len(self._family.children)
        if known < most:
            upto = min(known + _NEW, most)
            for place in range(known, upto):
                self._prepare(place)
            changed = self._family.children[known:upto]
        else:
            changed = self._pending[-self._step :]
            del self._pending[-self._step :]
        if changed:
            self._write(changed)
        elif self._live:
            self._ask()
        return bool(changed)

    def _prepare(self, place: int) -> None:
        """A new child: all that stands around its values."""
        labels = dict(zip(self._names, self._family.values[place], strict=True))
        before, after = self._before(place, labels), "\n"
        if self._created:
            child = cast("Child", self._family.children[place])
            name = f"{self._described.name}_created"
            line = f"{series(name, labels, self._form)}{number(child.created)}\n"
            if self._form.open:
                after += line
            else:
                self._later.add(line)
        self._lines.frame(before, after)

    def _ask(self) -> None:
        for place, gauge in self._live.items():
            value = gauge.asked() if gauge.asked is not None else gauge.total
            self._lines.blocks[place] = number(value)
        self._lines.changed(self._live)

    def _before(self, place: int, labels: dict[str, str]) -> str:
        raise NotImplementedError

    def _write(self, changed: Sequence[Shown]) -> None:
        raise NotImplementedError


class Values(Sheet):
    """Counters and gauges: a line each."""

    _step = 512

    def _before(self, place: int, labels: dict[str, str]) -> str:
        child = self._family.children[place]
        if isinstance(child, Gauge) and child.asked is not None:
            self._live[place] = child
        return series(self._name, labels, self._form)

    @property
    def _name(self) -> str:
        counted = self._described.type == "counter"
        return f"{self._described.name}{'_total' if counted else ''}"

    def _write(self, changed: Sequence[Shown]) -> None:
        low, high = LOWEST, GO_DIFFERS
        texts, made, page = self._lines.blocks, self._lines.made, -1
        for child in cast("Sequence[Counter | Gauge]", changed):
            child.shown = True
            place, value = child.place, child.total
            # `number`, without the call, nor one of `repr`
            texts[place] = f"{value!r}" if low < value < high else number(value)
            if place // PIECE != page:
                page = place // PIECE
                made[page] = None
        if self._form.open and self._described.type == "counter":
            self._mark(cast("Sequence[Counter]", changed))

    def _mark(self, changed: Sequence[Counter]) -> None:
        """Exemplars, which only OpenMetrics has."""
        for child in changed:
            if child.exemplar is not None:
                shown = _exemplar(self._described, self._name, child.exemplar)
                self._lines.blocks[child.place] += shown


class Histograms(Sheet):
    """A block of lines each. The usual numbers go into a template at once; large ones and exemplars one by one."""

    def begin(self) -> None:
        """Forgets all."""
        super().begin()
        self._templates: list[str] = []
        self._slow: dict[int, str] = {}  # with another template, by their place

    def _before(self, place: int, labels: dict[str, str]) -> str:
        self._templates.append(self._template(place, labels, "%d.0"))
        return ""

    def _template(self, place: int, labels: dict[str, str], slot: str) -> str:
        name, form = self._described.name, self._form
        child = cast("Histogram", self._family.children[place])
        bucket = series(f"{name}_bucket", {**labels, "le": ""}, form).replace("%", "%%")
        cut = max(bucket.find('{le=""'), bucket.find(',le=""')) + len(',le="')
        bounds = [f"{bucket[:cut]}{number(bound)}{bucket[cut:]}{slot}\n" for bound in child.bounds]
        last = series(f"{name}_count", labels, form).replace("%", "%%") + slot
        if child.bounds[0] >= 0:
            last += "\n" + series(f"{name}_sum", labels, form).replace("%", "%%") + "%s"
        return "".join(bounds) + last

    def _write(self, changed: Sequence[Shown]) -> None:
        low, high = LOWEST, GO_DIFFERS
        places = [child.place for child in changed]
        self._lines.changed(places)
        blocks, templates = self._lines.blocks, self._templates
        for place, child in zip(places, cast("Sequence[Histogram]", changed), strict=True):
            child.shown = True
            counts, total, exemplars = child.snapshot()
            below = list(accumulate(counts))
            if below[-1] >= high or (exemplars and self._form.open):
                blocks[place] = self._one_by_one(place, below, total, exemplars)
            elif child.bounds[0] < 0:
                blocks[place] = templates[place] % (*below, below[-1])
            elif low < total < high and total.__class__ is float:
                blocks[place] = templates[place] % (*below, below[-1], total)
            else:
                blocks[place] = templates[place] % (*below, below[-1], number(total))

    def _one_by_one(
        self, place: int, below: list[int], total: float, exemplars: list[Exemplar | None] | None
    ) -> str:
        template = self._slow.get(place)
        if template is None:
            labels = dict(zip(self._names, self._family.values[place], strict=True))
            template = self._slow[place] = self._template(place, labels, "%s")
        shown = _spelled(below)
        values = [*shown, shown[-1]]
        if exemplars and self._form.open:
            name = f"{self._described.name}_bucket"
            for at, exemplar in enumerate(exemplars):
                values[at] += _exemplar(self._described, name, exemplar)
        if cast("Histogram", self._family.children[place]).bounds[0] >= 0:
            values.append(number(total))
        return template % tuple(values)


def _spelled(below: list[int]) -> list[str]:
    """The upper buckets of a histogram mostly hold the same: such a number is spelled once."""
    found: list[str] = []
    before, text = -1, ""
    for count in below:
        if count != before:
            before, text = count, number(count)
        found.append(text)
    return found


def _exemplar(family: Metric, name: str, exemplar: Exemplar | None) -> str:
    if exemplar is None:
        return ""
    sample = Sample(name, {}, 0.0)
    return str(_compose_exemplar_string(family, sample, exemplar))  # type: ignore[no-untyped-call]  # the library's own
