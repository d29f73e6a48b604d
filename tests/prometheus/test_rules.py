from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest

from tests.grafana.boards import FILES, board
from tests.prometheus.bundle import (
    BUNDLE,
    ROOT,
    RULE_FILES,
    TEST_FILES,
    alert_names,
    alerts,
    records,
    unfolded,
)

pytestmark = pytest.mark.server  # promtool comes with Prometheus

SEVERITIES = {"critical", "warning", "info", "none"}
SYMPTOMS = {
    *("errors", "latency", "traffic", "availability", "saturation", "db", "cache", "queue"),
    *("host", "process", "release", "slo", "backup", "ai", "meta"),
}
WITHOUT_SERVICE = {"Watchdog"}
NAMED_BY_THE_CONTRACT = {
    *("Watchdog", "EndpointDown", "EndpointConsecutiveFailures", "AllEndpointsDown"),
    *("HighErrorRate", "HighLatencyP95", "HighLatencyP99", "AverageLatencyCritical"),
    *("ProcessMemoryHigh", "HostMemoryHigh", "DiskUsageHigh", "HostCpuHigh", "RedisDown"),
    *("ReceiverDown", "MaintenanceWindowActive", "DeployInProgress", "LaunchRegression"),
    *("PostgresDown", "DatabasePoolSaturated", "DatabaseQuerySlow"),
    *("BackupMissing", "BackupTooOld", "BackupFailed"),
    *("CacheHitRateLow", "RateLimiterRejecting"),
    *("QueueBacklog", "QueueSizeExceeded", "QueueFailureRateHigh", "QueueStalled"),
    *("ErrorBudgetBurn", "UptimeBelowObjective"),
}
THRESHOLDS = {  # contract section 8
    ("HighErrorRate", "warning"): "0.02",
    ("HighErrorRate", "critical"): "0.05",
    ("HighLatencyP95", "warning"): "1",
    ("HighLatencyP95", "critical"): "5",
    ("HighLatencyP99", "critical"): "2",
    ("AverageLatencyCritical", "critical"): "10",
    ("ProcessMemoryHigh", "warning"): "0.85",
    ("ProcessMemoryHigh", "critical"): "0.9",
    ("HostMemoryHigh", "warning"): "0.85",
    ("HostMemoryHigh", "critical"): "0.9",
    ("HostCpuHigh", "warning"): "0.9",
    ("DiskUsageHigh", "warning"): "0.75",
    ("DiskUsageHigh", "critical"): "0.85",
    ("DatabasePoolSaturated", "warning"): "0.8",
    ("DatabasePoolSaturated", "critical"): "0.9",
    ("DatabaseQuerySlow", "warning"): "1",
    ("DatabaseQuerySlow", "critical"): "5",
    ("QueueBacklog", "warning"): "50",
    ("QueueBacklog", "critical"): "100",
    ("QueueSizeExceeded", "warning"): "10000",
    ("QueueFailureRateHigh", "warning"): "0.05",
    ("QueueFailureRateHigh", "critical"): "0.1",
}

BOARDS = {board(file)["uid"] for file in FILES}

each_alert = pytest.mark.parametrize(
    "rule", alerts(), ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}"
)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, check=False, cwd=BUNDLE
    )


@pytest.mark.server
def test_promtool_accepts_the_config_and_every_rule_it_names() -> None:
    result = promtool("check", "config", "prometheus.yml")
    assert result.returncode == 0, result.stderr
    assert f"{len(RULE_FILES)} rule files found" in result.stdout


@pytest.mark.server
@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: file.name)
def test_the_rules_fire_once_and_only_when_they_should(file: Any) -> None:
    result = promtool("test", "rules", str(file))
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_name_that_others_bind_to_is_there() -> None:
    assert set(alert_names()) >= NAMED_BY_THE_CONTRACT


@each_alert
def test_an_alert_says_how_bad_what_and_who_answers(rule: dict[str, Any]) -> None:
    labels = rule["labels"]
    assert labels["severity"] in SEVERITIES
    assert labels["symptom"] in SYMPTOMS
    assert re.fullmatch("[a-z_]+", labels["action"])
    mends_nothing_that_runs = labels["action"] in {"none", "backup"}
    assert mends_nothing_that_runs or labels["severity"] == "critical"


@each_alert
def test_an_alert_keeps_the_service_of_its_series(rule: dict[str, Any]) -> None:
    names = re.findall(r"by \(([^)]*)\)", unfolded(rule["expr"]))
    assert (
        rule["alert"] in WITHOUT_SERVICE
        or "service" in rule["labels"]
        or (names and all("service" in name for name in names))
    )


@each_alert
def test_an_alert_links_its_runbook_and_its_dashboard(rule: dict[str, Any]) -> None:
    notes, name = rule["annotations"], rule["alert"]
    assert set(notes) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert notes["runbook_url"] == f"http://127.0.0.1:9651/runbooks/{name}"
    assert (ROOT / "docs" / "runbooks" / f"{name}.md").is_file()
    board = re.match(r"http://127\.0\.0\.1:3000/d/(prunella-[a-z]+)", notes["dashboard_url"])
    assert board is not None
    assert board[1] in BOARDS
    assert ("?var-service=" in notes["dashboard_url"]) is (name not in WITHOUT_SERVICE)


@each_alert
def test_a_changing_value_is_told_for_humans_and_never_put_into_a_label(
    rule: dict[str, Any],
) -> None:
    assert not any("$value" in value for value in rule["labels"].values())
    for text in rule["annotations"].values():
        assert re.search(r"\$value\s*}}", text) is None, "humanize it"


@pytest.mark.parametrize(("key", "threshold"), THRESHOLDS.items(), ids=str)
def test_the_thresholds_are_those_that_were_agreed(key: tuple[str, str], threshold: str) -> None:
    (rule,) = (r for r in alerts() if (r["alert"], r["labels"]["severity"]) == key)
    assert re.search(rf">=? {re.escape(threshold)}(\s|$)", rule["expr"])


def test_absence_is_given_time_for_a_lost_scrape() -> None:
    assert all("for" in rule for rule in alerts() if "absent(" in rule["expr"])


def test_recorded_names_are_level_metric_operation() -> None:
    for rule in records():
        assert re.fullmatch(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", rule["record"]), rule["record"]


def test_every_runbook_is_of_an_alert_and_has_the_same_headings() -> None:
    headings = ["Symptoms", "Immediate actions", "Investigation", "Resolution", "Prevention"]
    folder = ROOT / "docs" / "runbooks"
    pages = sorted(page for page in folder.glob("*.md") if page.stem != "README")
    assert [page.stem for page in pages] == alert_names()
    for page in pages:
        found = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
        assert found == [*headings, "What Prunella does by itself"], page.name
