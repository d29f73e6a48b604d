"""When an alert would have fired whose rule did not exist then: its expression was there for long enough."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from prunella.service.units import parse_duration
from receiver.backtest.history import HistoryError, Stretch, stretches

_LABEL = re.compile(r"\{\{-?\s*\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)\s*-?\}\}")


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alerting rule as its file has it; times in seconds."""

    name: str
    expr: str
    for_: float
    keep: float
    labels: Mapping[str, str]


def unknown(rules: Iterable[Mapping[str, object]], known: Collection[str]) -> list[AlertRule]:
    """The alerting rules whose alert is not among the known ones. Raises HistoryError."""
    given = (rule for rule in rules if rule.get("alert") and str(rule["alert"]) not in known)
    return [_rule(rule) for rule in given]


def _rule(rule: Mapping[str, object]) -> AlertRule:
    labels = rule.get("labels")
    try:
        return AlertRule(
            name=str(rule["alert"]),
            expr=str(rule.get("expr", "")),
            for_=parse_duration(rule.get("for") or "0"),
            keep=parse_duration(rule.get("keep_firing_for") or "0"),
            labels={str(k): str(v) for k, v in labels.items()} if isinstance(labels, dict) else {},
        )
    except ValueError as error:
        raise HistoryError(f"--rules: {rule['alert']}: {error}") from error


def fired(
    rule: AlertRule, series: Mapping[str, str], times: Sequence[float], step: float, end: float
) -> list[Stretch]:
    """When the alert of this series would have fired, by looks `step` apart."""
    labels = _labels(rule, series)
    waits = math.ceil(rule.for_ / step) * step
    ripe = [
        replace(one, begins=one.begins + waits)
        for one in stretches(labels, times, step, end)
        if one.begins + waits < (end + step if one.ends is None else one.ends)
    ]
    return list(_kept(ripe, rule.keep, end))


def _kept(ripe: Iterable[Stretch], keep: float, end: float) -> Iterator[Stretch]:
    """`keep_firing_for`: what comes back meanwhile has never been away."""
    held: Stretch | None = None
    for one in ripe:
        ends = None if one.ends is None or one.ends + keep > end else one.ends + keep
        if held is not None and held.ends is not None and one.begins > held.ends:
            yield held
            held = None
        held = Stretch(one.labels, one.begins if held is None else held.begins, ends)
    if held is not None:
        yield held


def _labels(rule: AlertRule, series: Mapping[str, str]) -> Mapping[str, str]:
    own = {name: value for name, value in series.items() if name != "__name__"}
    said = {
        name: _LABEL.sub(lambda found: own.get(found[1], ""), value)
        for name, value in rule.labels.items()
    }
    both = {**own, **said, "alertname": rule.name}
    return {name: value for name, value in both.items() if value}
