"""Where the lines of one Redis' series begin, kept from scrape to scrape: names and labels hardly ever change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from exporter.collectors.redis_fields import COUNTERS, GAUGES, INSTANCE, SCALED, UNSUFFIXED
from exporter.lines import MOST, Labels, Source
from exporter.text import beginning

# Name, calls, microseconds, rejected and failed calls, as INFO has them.
Calls = tuple[str, str, str, str, str]
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


class Said(NamedTuple):
    """What was said of one command the last time, and the lines that it became: most of them are not called between two scrapes."""

    figures: tuple[Calls, Sequence[str], tuple[str, ...]]
    calls: str
    seconds: str
    rejected: str  # empty, as `failed`, from a server that does not count them
    failed: str
    latencies: str


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
        self._said: dict[str, Said] = {}

    def said(self, command: Calls, latencies: Sequence[str], percentiles: tuple[str, ...]) -> Said:
        """Its lines; `latencies` are of those percentiles, or empty."""
        figures, known = (command, latencies, percentiles), self._said.get(command[0])
        if known is None or known.figures != figures:
            if len(self._said) > MOST:
                self._said.clear()
            known = self._said[command[0]] = self._lines_of(figures)
        return known

    def _lines_of(self, figures: tuple[Calls, Sequence[str], tuple[str, ...]]) -> Said:
        (command, calls, spent, rejected, failed), latencies, percentiles = figures
        begin = self._command(command, percentiles)
        return Said(
            figures,
            calls=f"{begin.calls}{calls}\n",
            seconds=f"{begin.seconds}{int(spent) / 1e6!r}\n",
            rejected=f"{begin.rejected}{rejected}\n" if rejected else "",
            failed=f"{begin.failed}{failed}\n" if rejected else "",
            latencies=begin.latencies % (*latencies, calls, spent) if latencies else "",
        )

    def _command(self, name: str, percentiles: tuple[str, ...]) -> OfCommand:
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
