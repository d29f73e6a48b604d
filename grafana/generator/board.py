"""A dashboard: rows of panels with the variables, annotations and links that all of them have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana.generator.panel import DATASOURCE, Json, Panel, document

WIDTH = 24


@dataclass(frozen=True)
class Row:
    """Panels from left to right; one that does not fit begins a new line."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Board:
    """`name` is that of its file; its uid is `prunella-<name>`, for ever, because alerts link to it."""

    name: str
    title: str
    about: str
    rows: Sequence[Row]

    @property
    def uid(self) -> str:
        """What links name."""
        return f"prunella-{self.name}"


def json_of(board: Board) -> Json:
    """The whole as Grafana reads it."""
    return {
        "uid": board.uid,
        "title": f"Prunella: {board.title}",
        "description": board.about,
        "tags": ["prunella"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "",
        "time": {"from": "now-1h", "to": "now"},
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "links": [_LINKS],
        "annotations": {"list": _annotations()},
        "templating": {"list": _variables()},
        "panels": [*_placed(board.rows)],
    }


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    number, top = 1, 0
    for row in rows:
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "gridPos": place,
            "collapsed": False,
            "panels": [],
        }
        number, top, left, tallest = number + 1, top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                top, left, tallest = top + tallest, 0, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield document(panel, number, place)
            number, left, tallest = number + 1, left + panel.width, max(tallest, panel.height)
        top += tallest


_LINKS: Json = {
    "type": "dashboards",
    "title": "Prunella",
    "tags": ["prunella"],
    "asDropdown": True,
    "includeVars": True,
    "keepTime": True,
    "icon": "external link",
    "targetBlank": False,
    "tooltip": "",
    "url": "",
}


def _mark(name: str, colour: str, expr: str, title: str, text: str) -> Json:
    return {
        "name": name,
        "enable": True,
        "datasource": DATASOURCE,
        "iconColor": colour,
        "expr": expr,
        "step": "",
        "titleFormat": title,
        "textFormat": text,
    }


def _began(selector: str, by: str) -> str:
    """When a counter rose, its very first value included, which an increase does not see."""
    metric = f"prunella_actions_total{{{selector}}}"
    return (
        f"sum by ({by}) ({metric} unless {metric} offset $__interval)"
        f" or sum by ({by}) (increase({metric}[$__interval])) > 0"
    )


def _annotations() -> list[Json]:
    """What was done and what changed, over every graph."""
    deploys = 'prunella_release_timestamp_seconds{service=~"$service"} * 1000'
    return [
        _mark(
            "Repairs",
            "purple",
            _began('action!="rollback"', "playbook, action"),
            "{{action}}",
            "playbook {{playbook}}",
        ),
        {
            **_mark("Deploys", "blue", deploys, "{{version}}", "what {{target}} serves since then"),
            "useValueForTime": "on",
        },
        _mark(
            "Deploys under way",
            "light-blue",
            'prunella_deploy_in_progress{service=~"$service"} > 0',
            "a deploy",
            "of {{service}}, from `release started` to its end",
        ),
        _mark(
            "Launch watch",
            "yellow",
            'count_values by (target, version) ("phase", prunella_launch_phase{service=~"$service"} > 0)',
            "launch watch, phase {{phase}}",
            "{{version}} on {{target}}",
        ),
        _mark(
            "Rollbacks",
            "red",
            _began('action="rollback"', "playbook, result"),
            "rollback: {{result}}",
            "playbook {{playbook}}",
        ),
        _mark(
            "Incidents",
            "orange",
            'ALERTS{alertstate="firing",severity="critical",service=~"$service"}',
            "{{alertname}}",
            "{{service}}",
        ),
    ]


def _variables() -> list[Json]:
    return [
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "current": {"text": "Prometheus", "value": "prunella-prometheus"},
            "hide": 0,
            "includeAll": False,
            "multi": False,
            "options": [],
            "refresh": 1,
            "regex": "",
        },
        _choice("service", "Service", "label_values(up, service)"),
        _choice("instance", "Instance", 'label_values(up{service=~"$service"}, instance)'),
    ]


def _choice(name: str, label: str, query: str) -> Json:
    """Any of the values of a label, and all at first; refreshed as the time range changes."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "current": {"text": "All", "value": "$__all"},
        "allValue": ".*",
        "includeAll": True,
        "multi": True,
        "hide": 0,
        "options": [],
        "refresh": 2,
        "regex": "",
        "sort": 1,
    }
