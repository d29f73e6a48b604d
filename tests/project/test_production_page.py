"""What docs/production.md shows is used as it stands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from prunella.service.settings import load
from receiver.channels.base import Notice
from receiver.cli.__main__ import grammar
from receiver.settings import ReceiverSettings
from receiver.stages.notify import wants
from tests.project.commands_document import leaves

PAGE = (Path(__file__).parents[2] / "docs" / "production.md").read_text()
PROMETHEUS, RECEIVER, RULES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def promtool(folder: Path, kind: str, text: str) -> str:
    file = folder / "file.yml"
    file.write_text(text)
    done = subprocess.run(
        ["promtool", "check", kind, str(file)], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def told(folder: Path, event: str, labels: Mapping[str, str]) -> list[str]:
    """The channels of the page that want to hear of it."""
    file = folder / "receiver.yml"
    file.write_text(RECEIVER)
    names = ("ALERTS", "MONITORING", "DEPLOYMENTS", "STAGING")
    settings = load(
        ReceiverSettings, file, {f"SLACK_{name}_URL": "https://slack.example/x" for name in names}
    )
    severity = labels.get("severity", "info")
    notice = Notice(event, 1, "e", "", severity, "t", "t", 0.0, "k", labels=labels)
    return [name for name in settings.channels if wants(settings, name, "", notice)]


@pytest.mark.server
def test_prometheus_reads_what_tells_staging_from_production(tmp_path: Path) -> None:
    assert "SUCCESS" in promtool(tmp_path, "config", PROMETHEUS)


def test_only_a_service_of_stagings_own_becomes_staging() -> None:
    (everywhere, staging) = yaml.safe_load(PROMETHEUS)["alerting"]["alert_relabel_configs"]
    assert everywhere == {"target_label": "environment", "replacement": "production"}
    assert re.fullmatch(staging["regex"], "shop-staging")
    assert not re.fullmatch(staging["regex"], "shop")


@pytest.mark.parametrize(
    ("event", "labels", "channels"),
    [
        ("escalated", {"severity": "critical", "environment": "production"}, ["alerts"]),
        ("opened", {"severity": "warning"}, ["monitoring"]),
        ("opened", {"severity": "warning", "environment": "staging"}, ["staging"]),
        ("escalated", {"severity": "critical", "environment": "staging"}, ["staging"]),
        ("release", {}, ["deployments"]),
    ],
)
def test_each_kind_of_news_has_its_channel(
    tmp_path: Path, event: str, labels: Mapping[str, str], channels: list[str]
) -> None:
    assert told(tmp_path, event, labels) == channels


@pytest.mark.server
def test_the_alert_of_ones_own_is_a_rule_and_has_its_playbook(tmp_path: Path) -> None:
    assert "SUCCESS: 1 rules found" in promtool(tmp_path, "rules", RULES)
    (rule,) = yaml.safe_load(RULES)["groups"][0]["rules"]
    assert (rule["labels"]["severity"], rule["labels"]["action"]) == ("critical", "errors")


def test_every_command_that_it_names_is_one() -> None:
    known = [words for words, _, _ in leaves(grammar())]
    for line in re.findall(r"`prunella ([^`]*)`", PAGE):
        said = tuple(line.split())
        assert any(said[: len(words)] == words for words in known), line


def test_every_page_that_it_sends_one_to_is_there() -> None:
    docs = Path(__file__).parents[2] / "docs"
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", PAGE)
    for name, anchor in links:
        text = (docs / name).read_text() if name else PAGE
        headings = {_anchor(one) for one in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        assert not anchor or anchor in headings, (name, anchor)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
