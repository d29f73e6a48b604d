"""What a Prometheus answers to the queries of a panel, as curves with the names that its legend gives them."""

from __future__ import annotations

import json
import math
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grafana.generator.panel import Panel, Query

STEPS = 120  # points of a curve


@dataclass(frozen=True)
class Window:
    """What is looked at: until `end`, `seconds` long, of the services that `service` matches."""

    prometheus: str
    end: float
    seconds: float
    service: str = ".*"

    @property
    def step(self) -> float:
        """Between two points."""
        return max(1.0, self.seconds / STEPS)


@dataclass(frozen=True)
class Curve:
    """One series: its name, and its points as (time, value)."""

    name: str
    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    now: bool = True  # whether it goes on to the end of the window

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]


def curves(panel: Panel, window: Window) -> list[Curve]:
    """Of all its queries; those without an answer give none."""
    return [curve for query in panel.queries for curve in _asked(query, window)]


def _asked(query: Query, window: Window) -> list[Curve]:
    asked = urllib.parse.urlencode(
        {
            "query": _filled_in(query.expr, window),
            "start": window.end - window.seconds,
            "end": window.end,
            "step": window.step,
        }
    )
    with urllib.request.urlopen(f"{window.prometheus}/api/v1/query_range?{asked}") as answer:  # noqa: S310 - a Prometheus that the caller names
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return [_curve(query, one, window) for one in result]


def _filled_in(expr: str, window: Window) -> str:
    """With Grafana's variables as a dashboard would have them: a rate looks at four scrapes at least."""
    expr = expr.replace("$__rate_interval", f"{max(60, round(4 * window.step))}s")
    expr = expr.replace("$__interval", f"{max(15, round(window.step))}s")
    return expr.replace("$service", window.service).replace("$instance", ".*")


def _curve(query: Query, said: Mapping[str, Any], window: Window) -> Curve:
    labels: dict[str, str] = said["metric"]
    points = tuple((float(at), float(value)) for at, value in said["values"])
    name = re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), query.legend).strip()
    kept = tuple(point for point in points if math.isfinite(point[1]))
    last = points[-1][0]
    now = last > window.end - 2 * window.step
    return Curve(name or ", ".join(labels.values()), labels, kept or ((last, math.nan),), now)
