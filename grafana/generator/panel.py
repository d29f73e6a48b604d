"""A panel of a dashboard as a value, and as Grafana's classic JSON (schemaVersion 39, which Grafana 10 to 13 read)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from receiver.rules.thresholds import read

Json = dict[str, Any]
Line = tuple[float, str]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
LEVELS = read(None, {}).levels()
COLOURS = {"warning": "orange", "critical": "red"}
Kind = Literal["stat", "timeseries", "state-timeline", "bargauge", "table", "heatmap"]


@dataclass(frozen=True)
class Query:
    """An expression and how its series are called in the legend."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """What it shows, in which unit, and at which values somebody is told."""

    kind: Kind
    title: str
    about: str
    queries: Sequence[Query]
    unit: str = "short"
    lines: Sequence[Line] = ()
    falls: bool = False  # the lines are for values below them, and green is above all
    width: int = 8
    height: int = 8
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    most: float | None = None
    stacked: bool = False


def lines(alert: str, *names: str, by: float = 1.0) -> list[Line]:
    """The thresholds of an alert, as they are shipped; `by` is what the panel's unit takes."""
    levels = LEVELS[alert]
    chosen = names or tuple(name for name in COLOURS if name in type(levels).model_fields)
    return [(levels.level(name).value * by, COLOURS.get(name, "red")) for name in chosen]


def steps(panel: Panel) -> list[Line]:
    """From which value on it has which colour."""
    ordered = sorted(panel.lines)
    colours = [colour for _, colour in ordered]
    places = [-inf, *(value for value, _ in ordered)]
    return list(
        zip(places, [*colours, "green"] if panel.falls else ["green", *colours], strict=True)
    )


def document(panel: Panel, number: int, place: Json) -> Json:
    """The panel as Grafana reads it."""
    instant = panel.kind in {"table", "bargauge"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": instant,
                "range": not instant,
                **({"format": "table"} if panel.kind == "table" else {}),
                **({"format": "heatmap"} if panel.kind == "heatmap" else {}),
            }
            for index, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
        **({"transformations": _FLAT} if panel.kind == "table" else {}),
    }


def _defaults(panel: Panel) -> Json:
    """Unit, colours and lines."""
    drawn = [
        {"color": colour, "value": None if value == -inf else value}
        for value, colour in steps(panel)
    ]
    found: Json = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": drawn}}
    if panel.unit == "percentunit":
        found["min"] = 0
    if panel.most is not None:
        found["max"] = panel.most
    if panel.values:
        found["mappings"] = [{"type": "value", "options": dict(panel.values)}]
    if panel.kind == "timeseries":
        found["custom"] = _curve(panel)
    elif panel.kind == "state-timeline":
        found["custom"] = {"fillOpacity": 80, "lineWidth": 0}
    return found


def _curve(panel: Panel) -> Json:
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if panel.stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "line+area" if panel.lines else "off"},
    }


_LAST: Json = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
_BELOW: Json = {"displayMode": "list", "placement": "bottom", "showLegend": True}
_OPTIONS: Mapping[Kind, Json] = {
    "stat": {**_LAST, "colorMode": "background", "graphMode": "area", "textMode": "auto"},
    "bargauge": {**_LAST, "displayMode": "lcd", "orientation": "horizontal"},
    "timeseries": {"legend": _BELOW, "tooltip": {"mode": "multi", "sort": "desc"}},
    "state-timeline": {"legend": _BELOW, "mergeValues": True, "showValue": "never"},
    "table": {"showHeader": True, "cellHeight": "sm"},
    "heatmap": {"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Oranges"}},
}
_FLAT = [
    {"id": "labelsToFields", "options": {}},
    {"id": "organize", "options": {"excludeByName": {"Time": True, "__name__": True, "job": True}}},
]
