"""The shipped dashboards as plain values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).parents[2] / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))

Board = dict[str, Any]


def board(file: Path) -> Board:
    found: Board = json.loads(file.read_text())
    return found


def panels(of: Board) -> list[dict[str, Any]]:
    return [panel for panel in of["panels"] if panel["type"] != "row"]


def expressions(of: Board) -> Iterator[str]:
    """Every query, with Grafana's variables replaced by what they stand for."""
    for panel in panels(of):
        yield from (_plain(target["expr"]) for target in panel["targets"])
    for annotation in of["annotations"]["list"]:
        yield _plain(annotation["expr"])


def _plain(expr: str) -> str:
    expr = re.sub(r"\$__(rate_interval|interval|range)\b", "5m", expr)
    return re.sub(r"\$\w+", ".*", expr)
