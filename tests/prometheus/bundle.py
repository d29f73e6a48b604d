"""The shipped rules and Alertmanager config as plain values."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "prometheus"
RULE_FILES = sorted((BUNDLE / "rules").glob("*.rules.yml"))
TEST_FILES = sorted((BUNDLE / "tests").glob("*.test.yml"))


@cache
def rules() -> tuple[dict[str, Any], ...]:
    """Read once: reading them all takes a while."""
    groups = [one for file in RULE_FILES for one in yaml.safe_load(file.read_text())["groups"]]
    return tuple(rule for group in groups for rule in group["rules"])


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def records() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "record" in rule]


def alert_names() -> list[str]:
    return sorted({rule["alert"] for rule in alerts()})


def unfolded(expr: str) -> str:
    """The expression with recorded series replaced by what records them."""
    recorded = {rule["record"]: rule["expr"] for rule in records()}
    for name, inner in recorded.items():
        if name in expr:
            expr = expr.replace(name, f"({unfolded(inner)})")
    return expr


def alertmanager_config() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((BUNDLE / "alertmanager.yml").read_text())
    return config
