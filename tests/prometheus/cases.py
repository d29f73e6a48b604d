"""The rule tests as plain values: which alert is asked for when, of which series, and what is expected."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from prunella.service.units import parse_duration
from tests.prometheus.bundle import TEST_FILES

LABEL = re.compile(r'(\w+)\s*=\s*"([^"]*)"')
GROWING = re.compile(r"(?P<first>-?[\d.e]+)(?P<step>[+-][\d.e]+)?(?:x(?P<times>\d+))?")
Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Series:
    """One of the series that a test feeds in."""

    name: str
    labels: Labels
    values: tuple[float | None, ...]  # None is no sample

    @property
    def falls(self) -> bool:
        """Whether it is less than it was: what a counter is after a restart of its process."""
        seen = [value for value in self.values if value is not None]
        return any(after < before for before, after in itertools.pairwise(seen))

    @property
    def ends(self) -> bool:
        return None in self.values


@dataclass(frozen=True)
class Case:
    """One test of a file, for one of the alerts that it asks for."""

    alert: str
    series: tuple[Series, ...]
    fired: tuple[tuple[float, tuple[dict[str, str], ...]], ...]  # when, and with which labels
    quiet: tuple[float, ...]

    @property
    def waits(self) -> bool:
        """Whether it is seen to be quiet before it fires."""
        return any(quiet < when for quiet in self.quiet for when, _ in self.fired)

    @property
    def spares(self) -> bool:
        """Whether it does not fire at all, or is fed with something of which it does not."""
        if not self.fired:
            return True
        told = {pair for _, alerts in self.fired for labels in alerts for pair in labels.items()}
        names = {name for name, _ in told}
        return any(
            label[0] in names and label not in told for one in self.series for label in one.labels
        )


def cases() -> Iterator[Case]:
    for file in TEST_FILES:
        for test in yaml.safe_load(file.read_text())["tests"]:
            fed = tuple(_series(one) for one in test.get("input_series", ()))
            asked = test.get("alert_rule_test", ())
            for name in sorted({one["alertname"] for one in asked}):
                yield _case(name, fed, [one for one in asked if one["alertname"] == name])


def _case(name: str, fed: tuple[Series, ...], asked: list[dict[str, Any]]) -> Case:
    fired = tuple(
        (
            parse_duration(one["eval_time"]),
            tuple(alert["exp_labels"] for alert in one["exp_alerts"]),
        )
        for one in asked
        if one["exp_alerts"]
    )
    quiet = tuple(parse_duration(one["eval_time"]) for one in asked if not one["exp_alerts"])
    return Case(name, fed, fired, quiet)


def _series(one: dict[str, str]) -> Series:
    name, _, labels = one["series"].partition("{")
    values = tuple(value for word in one["values"].split() for value in expanded(word))
    return Series(name, frozenset(LABEL.findall(labels)), values)


def expanded(word: str) -> Iterator[float | None]:
    """As promtool reads it: `0+5x3` is 0, 5, 10, 15; `_x2` and `stale` are no samples."""
    if word[0] in "_s":
        yield from [None] * int(word.partition("x")[2] or 1)
        return
    found = GROWING.fullmatch(word)
    assert found, word
    for time in range(int(found["times"] or 0) + 1):
        yield float(found["first"]) + time * float(found["step"] or 0)
