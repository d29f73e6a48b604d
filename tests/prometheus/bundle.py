"""The shipped rules and Alertmanager config as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "prometheus"
RULE_FILES = sorted((BUNDLE / "rules").glob("*.rules.yml"))
TEST_FILES = sorted((BUNDLE / "tests").glob("*.test.yml"))


def rules() -> Iterator[dict[str, Any]]:
    for file in RULE_FILES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def records() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "record" in rule]


def alert_names() -> list[str]:
    return sorted({rule["alert"] for rule in alerts()})


def alertmanager_config() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((BUNDLE / "alertmanager.yml").read_text())
    return config
