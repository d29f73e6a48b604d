"""Where the lines of one Redis' series begin, kept from scrape to scrape: names and labels hardly ever change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from exporter.collectors.redis_fields import COUNTERS, GAUGES, INSTANCE, SCALED, UNSUFFIXED
from exporter.lines import MOST, Labels, Source
from exporter.text import beginning

KEPT = frozenset({"uptime_in_seconds", *INSTANCE})


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
    latencies: str  # all lines of its summary, with %s for the percentiles, the calls and the time


class RedisSource(Source):
    """One server."""

    def __init__(self, labels: Labels) -> None:
        super().__init__(labels)
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
        self._commands: dict[tuple[str, tuple[str, ...]], OfCommand] = {}

    def command(self, name: str, percentiles: tuple[str, ...]) -> OfCommand:
        known = self._commands.get((name, percentiles))
        if known is None:
            if len(self._commands) > MOST:
                self._commands.clear()
            known = self._commands[name, percentiles] = self._of_command(name, percentiles)
        return known

    def _of_command(self, name: str, percentiles: tuple[str, ...]) -> OfCommand:
        labels, summary = (*self.labels, ("cmd", name)), "redis_latency_percentiles_usec"
        begins = (
            *(beginning(summary, (*labels, ("quantile", part))) for part in percentiles),
            beginning(f"{summary}_count", labels),
            beginning(f"{summary}_sum", labels),
        )
        return OfCommand(
            calls=beginning("redis_commands_total", labels),
            seconds=beginning("redis_commands_duration_seconds_total", labels),
            rejected=beginning("redis_commands_rejected_calls_total", labels),
            failed=beginning("redis_commands_failed_calls_total", labels),
            latencies="".join(f"{begin.replace('%', '%%')}%s\n" for begin in begins),
        )
