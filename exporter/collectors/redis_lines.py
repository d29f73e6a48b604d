"""Where the lines of one Redis' series begin, kept from scrape to scrape: names and labels hardly ever change."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

from exporter.collectors.redis_fields import COUNTERS, GAUGES, INSTANCE, SCALED, UNSUFFIXED
from exporter.text import beginning, number

KEPT = frozenset({"uptime_in_seconds", *INSTANCE})
MOST = 10_000  # beginnings of one server; one that has more makes names up

Lines = dict[str, list[str]]  # by the family's name
Labels = tuple[tuple[str, str], ...]


class Plain(NamedTuple):
    """A field of INFO that is one figure."""

    family: str
    begins: str
    scale: float
    kept: bool  # it is asked for besides


class OfCommand(NamedTuple):
    """Beginnings of one command's series."""

    calls: str
    seconds: str
    rejected: str
    failed: str
    quantile: str  # without the last of its labels
    quantiles: str
    quantile_sum: str


class Source:
    """One server, whose `labels` all of its series have."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        named = {**GAUGES, **COUNTERS, **UNSUFFIXED}
        self.plain: Mapping[str, Plain] = {
            field: Plain(
                family=f"redis_{name}",
                begins=beginning(f"redis_{name}", labels),
                scale=SCALED.get(field, 1.0),
                kept=field in KEPT,
            )
            for field, name in named.items()
        }
        self._begins: dict[tuple[str, Labels], str] = {}
        self._commands: dict[str, OfCommand] = {}

    def add(self, lines: Lines, family: str, value: float, *more: tuple[str, str]) -> None:
        lines[family].append(f"{self.begin(family, *more)}{number(value)}\n")

    def begin(self, series: str, *more: tuple[str, str]) -> str:
        known = self._begins.get((series, more))
        if known is None:
            if len(self._begins) > MOST:
                self._begins.clear()
            known = self._begins[series, more] = beginning(series, (*self._labels, *more))
        return known

    def command(self, name: str) -> OfCommand:
        known = self._commands.get(name)
        if known is None:
            if len(self._commands) > MOST:
                self._commands.clear()
            known = self._commands[name] = self._of_command(name)
        return known

    def _of_command(self, name: str) -> OfCommand:
        labels, quantiles = (*self._labels, ("cmd", name)), "redis_latency_percentiles_usec"
        return OfCommand(
            calls=beginning("redis_commands_total", labels),
            seconds=beginning("redis_commands_duration_seconds_total", labels),
            rejected=beginning("redis_commands_rejected_calls_total", labels),
            failed=beginning("redis_commands_failed_calls_total", labels),
            quantile=beginning(quantiles, labels).removesuffix("} ") + ',quantile="',
            quantiles=beginning(f"{quantiles}_count", labels),
            quantile_sum=beginning(f"{quantiles}_sum", labels),
        )


class RoundTrips:
    """A histogram of one server's PINGs."""

    NAME = "prunella_redis_ping_seconds"
    BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)

    def __init__(self) -> None:
        self._counts, self._sum = [0] * (len(self.BUCKETS) + 1), 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self.BUCKETS, seconds)] += 1
        self._sum += seconds

    def write(self, source: Source, lines: Lines) -> None:
        its, so_far = lines[self.NAME], 0
        for bound, count in zip((*map(number, self.BUCKETS), "+Inf"), self._counts, strict=True):
            so_far += count
            its.append(f"{source.begin(f'{self.NAME}_bucket', ('le', bound))}{so_far}\n")
        its.append(f"{source.begin(f'{self.NAME}_count')}{so_far}\n")
        its.append(f"{source.begin(f'{self.NAME}_sum')}{number(self._sum)}\n")
