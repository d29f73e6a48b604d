"""docs/alerts.md, made from the rules, the bundled playbooks and the runbooks: `python -m tests.project.alerts_document` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from receiver.bundled import bundled, names
from tests.prometheus.bundle import RULE_FILES

DOCUMENT = Path(__file__).parents[2] / "docs" / "alerts.md"
INTRODUCTION = """\
# Alerts

What the bundled rules judge. Every number stands in [`receiver/rules/thresholds.yml`](../receiver/rules/thresholds.yml); a file of your own that
names only what differs, and `prunella rules render --thresholds FILE --out DIR`, write the rules with your numbers, your links, and
without the alerts that you do not want. `critical` wakes somebody, `warning` is for working hours, `info` is told only beside something
worse, and `none` only inhibits or is a heartbeat. What answers an alert is a bundled playbook: it is in shadow until you say otherwise
([operations.md](operations.md)). This page is made from the rules: do not edit it.
"""
TITLES = {
    "ai": "AI",
    "app": "Apps, by their own timers",
    "backup": "Backups",
    "database": "PostgreSQL and connection pools",
    "endpoints": "Endpoints, seen from outside",
    "host": "Machines",
    "http": "Requests",
    "meta": "Whether the loop itself is whole",
    "process": "Processes",
    "queue": "Job queues",
    "redis": "Redis and caches",
    "release": "Releases",
    "slo": "Objectives",
}


def document() -> str:
    """The whole page."""
    judging = [file for file in RULE_FILES if "- alert: " in file.read_text()]
    return "\n".join([INTRODUCTION, *(line for file in judging for line in _section(file))])


def _section(file: Path) -> Iterator[str]:
    subject = file.name.split(".")[0]
    yield f"## {TITLES[subject]}\n"
    yield "| alert | severity | when | for | what Prunella does |\n|---|---|---|---|---|"
    for group in yaml.safe_load(file.read_text())["groups"]:
        yield from (_line(rule) for rule in group["rules"] if "alert" in rule)
    yield ""


def _line(rule: dict[str, Any]) -> str:
    name, labels = rule["alert"], rule["labels"]
    link = f"[{name}](runbooks/{name}.md)"
    when = _plain(rule["annotations"]["summary"])
    return f"| {link} | {labels['severity']} | {when} | {rule.get('for', 'at once')} | {_does(labels['action'])} |"


def _plain(summary: str) -> str:
    """The sentence with what stands for a name in italics."""
    without = re.sub(r"^\{\{ \$labels\.(?:service|instance|job) \}\}: ", "", summary)
    simple = re.sub(r"\{\{ or \$labels\.(\w+) \(.*?\) \}\}", r"{{ \1 }}", without)
    return re.sub(r"\{\{[^}]*?(\w+) \}\}", r"*\1*", simple)


def _does(action: str) -> str:
    if action not in names():
        return "tells"
    rungs = [_rung(rung) for rung in bundled(action)["ladder"]]
    return f"`{action}`: " + ", then ".join(rungs)


def _rung(rung: dict[str, Any]) -> str:
    name = str(rung["action"]).replace("_", " ")
    return f"{name} (asks first)" if rung.get("mode") == "approve" else name


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
