"""The errors that were taken in, as series: each event once, and no more series of a service than a few hundred."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter.intake.events import Told
from prunella.cardinality import OTHER, Bounded
from prunella.errors import COUNTED
from prunella.metrics import REGISTRY

SERIES = 500  # of one service
IDS = 20_000  # events of which a second coming is known
_NAME = "app_errors_total"


@dataclass(frozen=True, slots=True)
class Series:
    service: str
    release: str
    severity: str
    fingerprint: str


class Tally:
    """What one configuration has counted."""

    def __init__(self) -> None:
        self.counts: Counter[Series] = Counter()
        self._bounds: dict[str, Bounded] = {}
        self._ids: OrderedDict[tuple[str, str], None] = OrderedDict()

    def count(self, service: str, told: Told) -> bool:
        """Whether it had not come before."""
        if told.id and not self._first(service, told.id):
            return False
        bound = self._bounds.setdefault(service, Bounded(_NAME, SERIES))
        key = f"{told.release}\n{told.severity}\n{told.fingerprint}"
        if bound(key) == OTHER:
            series = Series(service, OTHER, told.severity, OTHER)
        else:
            series = Series(service, told.release, told.severity, told.fingerprint)
        self.counts[series] += 1
        return True

    def _first(self, service: str, event: str) -> bool:
        key = (service, event)
        if key in self._ids:
            return False
        self._ids[key] = None
        if len(self._ids) > IDS:
            self._ids.popitem(last=False)
        return True


class _Together(Collector):
    """Stands in the registry in the place of the kit's own counter, whose errors it shows too: one name is one family."""

    def __init__(self) -> None:
        self._tallies: list[Tally] = []
        self._registered = False

    def show(self, tally: Tally) -> None:
        """From now on at every scrape."""
        self._tallies.append(tally)
        if not self._registered:
            REGISTRY.unregister(COUNTED)
            REGISTRY.register(self)
            self._registered = True

    def hide(self, tally: Tally) -> None:
        """Its projects are no longer configured."""
        if tally in self._tallies:
            self._tallies.remove(tally)

    def collect(self) -> Iterator[Metric]:
        counts: Counter[Series] = Counter()
        for tally in self._tallies:  # two for a moment, while a new configuration begins
            counts.update(tally.counts)
        for family in COUNTED.collect():
            for series, count in counts.items():
                labels = {
                    "service": series.service,
                    "release": series.release,
                    "severity": series.severity,
                    "fingerprint": series.fingerprint,
                }
                family.add_sample(_NAME, labels, float(count))
            yield family


TOGETHER = _Together()
