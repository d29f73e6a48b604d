"""The shipped Alertmanager config on a real Alertmanager: who is told, and what keeps quiet because of what."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.prometheus.bundle import BUNDLE, alert_names, alertmanager_config, alerts
from tests.servers.alertmanager import AlertmanagerServer, alertmanager
from tests.servers.process import until

FILE = BUNDLE / "alertmanager.yml"
LABELS = {rule["alert"]: rule["labels"] for rule in alerts()}

critical = {"severity": "critical"}
warning = {"severity": "warning"}


def seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m|h)", duration).groups()  # type: ignore[union-attr] # a config of ours
    return float(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def alert(name: str, service: str = "shop", **labels: str) -> dict[str, Any]:
    return {"labels": {"alertname": name, "service": service, **LABELS[name], **labels}}


def quiet() -> dict[str, Any]:
    """The shipped config without addresses, so that a test tells nobody."""
    config = alertmanager_config()
    for receiver in config["receivers"]:
        receiver.pop("webhook_configs", None)
    return config


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AlertmanagerServer]:
    async with alertmanager(tmp_path, quiet()) as running:
        yield running


SAME_LOOKS = 5


async def suppressed(server: AlertmanagerServer, *sent: dict[str, Any]) -> list[str]:
    """`alertname/service` of those that Alertmanager holds back."""
    await server.post(*sent)
    looks: list[list[str]] = []

    async def same_for_a_while() -> bool:
        # what inhibits is heard of beside what is inhibited, and not always before it
        listed = await server.alerts()
        judged = all(one["status"]["state"] != "unprocessed" for one in listed)
        if len(listed) != len(sent) or not judged:
            looks.clear()
            return False
        held = [one["labels"] for one in listed if one["status"]["inhibitedBy"]]
        looks.append(sorted(f"{labels['alertname']}/{labels['service']}" for labels in held))
        return len(looks) >= SAME_LOOKS and all(one == looks[-1] for one in looks[-SAME_LOOKS:])

    await until(same_for_a_while, "every alert is judged", every=0.1)
    return looks[-1]


@pytest.mark.server
def test_amtool_accepts_it() -> None:
    result = subprocess.run(
        ["amtool", "check-config", str(FILE)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.server
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["alertname=HighErrorRate", "symptom=errors"], "prunella"),
        (["alertname=Watchdog", "symptom=meta"], "watchdog"),
        (["alertname=ReceiverDown", "symptom=meta"], "out_of_band,prunella"),
        (["alertname=MaintenanceWindowActive", "symptom=meta"], "nobody"),
        (["alertname=DeployInProgress", "symptom=release"], "nobody"),
        (["alertname=InfoInhibitor", "symptom=meta"], "nobody"),
        (["alertname=JournalDown", "symptom=meta"], "out_of_band,prunella"),
    ],
)
def test_an_alert_goes_to_whom_it_concerns(labels: list[str], receivers: str) -> None:
    argv = ["amtool", "config", "routes", "test", f"--config.file={FILE}", *labels]
    result = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == receivers


def test_the_watchdog_is_repeated_a_little_before_its_interval_ends() -> None:
    (route,) = (r for r in alertmanager_config()["route"]["routes"] if r["receiver"] == "watchdog")
    repeat, interval = seconds(route["repeat_interval"]), seconds(route["group_interval"])
    assert 0.7 * interval < repeat < interval


def test_every_webhook_tells_resolves_in_full_and_follows_no_redirect() -> None:
    hooks = [h for r in alertmanager_config()["receivers"] for h in r.get("webhook_configs", [])]
    for hook in hooks:
        assert "max_alerts" not in hook
        assert hook["http_config"]["follow_redirects"] is False
        assert "credentials_file" in hook["http_config"]["authorization"]
    assert [hook["send_resolved"] for hook in hooks] == [True, False]


def test_every_alert_that_an_inhibition_names_exists() -> None:
    matchers = [
        matcher
        for rule in alertmanager_config()["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
    ]
    named = {name for m in matchers for name in re.findall(r'"([^"]+)"', m)[0].split("|")}
    assert named <= set(alert_names())


@pytest.mark.server
async def test_critical_holds_back_its_own_warning_only(server: AlertmanagerServer) -> None:
    assert await suppressed(
        server,
        alert("HighErrorRate", **critical),
        alert("HighErrorRate", **warning),
        alert("HighErrorRate", "other", **warning),
        alert("DiskUsageHigh", **critical, mountpoint="/"),
        alert("DiskUsageHigh", **warning, mountpoint="/data"),
    ) == ["HighErrorRate/shop"]


@pytest.mark.server
async def test_a_maintenance_window_holds_back_its_service(server: AlertmanagerServer) -> None:
    assert await suppressed(
        server,
        alert("MaintenanceWindowActive"),
        alert("HighLatencyP99"),
        alert("HighLatencyP99", "other"),
        alert("TargetDown"),
    ) == ["HighLatencyP99/shop"]


@pytest.mark.server
async def test_a_deploy_holds_back_slowness_but_never_errors(server: AlertmanagerServer) -> None:
    assert await suppressed(
        server,
        alert("DeployInProgress"),
        alert("HighLatencyP95", **warning),
        alert("HighLatencyP99"),
        alert("HostCpuHigh"),
        alert("HighErrorRate", **warning),
    ) == ["HighLatencyP95/shop", "HostCpuHigh/shop"]


@pytest.mark.server
async def test_down_altogether_explains_what_it_causes(server: AlertmanagerServer) -> None:
    assert await suppressed(
        server,
        alert("AllEndpointsDown"),
        alert("EndpointConsecutiveFailures", endpoint="health"),
        alert("HighErrorRate", **critical),
        alert("ProcessMemoryHigh", **critical),
        alert("EndpointDown", "other", endpoint="health"),
    ) == ["EndpointConsecutiveFailures/shop", "HighErrorRate/shop"]


@pytest.mark.server
async def test_several_at_once_explain_each_of_them(server: AlertmanagerServer) -> None:
    assert await suppressed(
        server,
        alert("SeveralEndpointsDown"),
        alert("EndpointDown", endpoint="cart"),
        alert("EndpointConsecutiveFailures", endpoint="health"),
        alert("HighErrorRate", **critical),
        alert("EndpointDown", "other", endpoint="health"),
    ) == ["EndpointConsecutiveFailures/shop", "EndpointDown/shop"]


@pytest.mark.server
async def test_five_failures_explain_the_same_endpoint(server: AlertmanagerServer) -> None:
    assert await suppressed(
        server,
        alert("EndpointConsecutiveFailures", endpoint="health"),
        alert("EndpointDown", endpoint="health"),
        alert("EndpointDown", "other", endpoint="health"),
    ) == ["EndpointDown/shop"]


@pytest.mark.server
async def test_a_dead_database_explains_what_is_slow_in_it(server: AlertmanagerServer) -> None:
    assert await suppressed(
        server,
        alert("PostgresDown"),
        alert("DatabaseQuerySlow", **critical),
        alert("DatabasePoolSaturated", "other", **critical),
        alert("HighErrorRate", **critical),
    ) == ["DatabaseQuerySlow/shop"]


@pytest.mark.server
async def test_a_dead_redis_never_holds_back_itself(server: AlertmanagerServer) -> None:
    assert await suppressed(server, alert("RedisDown")) == []


@pytest.mark.server
async def test_an_endpoint_that_is_down_is_neither_slow_nor_flapping(
    server: AlertmanagerServer,
) -> None:
    assert await suppressed(
        server,
        alert("EndpointDown", endpoint="health"),
        alert("EndpointFlapping", endpoint="health"),
        alert("EndpointSlow", endpoint="health"),
        alert("EndpointSlow", "other", endpoint="health"),
    ) == ["EndpointFlapping/shop", "EndpointSlow/shop"]


@pytest.mark.server
async def test_no_backup_at_all_explains_a_late_one_of_the_same_name(
    server: AlertmanagerServer,
) -> None:
    assert await suppressed(
        server,
        alert("BackupMissing", backup="main"),
        alert("BackupVerificationStale", backup="main"),
        alert("BackupTooOld", backup="main", **warning),
        alert("BackupTooOld", "other", backup="main", **warning),
    ) == ["BackupTooOld/shop", "BackupVerificationStale/shop"]


@pytest.mark.server
async def test_a_backup_that_does_not_restore_explains_that_none_was_proven_for_long(
    server: AlertmanagerServer,
) -> None:
    assert await suppressed(
        server,
        alert("BackupVerificationFailed", backup="main"),
        alert("BackupVerificationStale", backup="main", **warning),
        alert("BackupVerificationStale", backup="other", **warning),
        alert("BackupTooOld", backup="main", **warning),
    ) == ["BackupVerificationStale/shop"]


@pytest.mark.server
async def test_a_receiver_that_is_gone_explains_what_it_does_not_send(
    server: AlertmanagerServer,
) -> None:
    assert await suppressed(
        server,
        alert("ReceiverDown", "receiver"),
        alert("WatchdogNotReceived", "receiver"),
        alert("NotificationQueueStuck", "receiver"),
        alert("RemediationFailing", "receiver"),
    ) == ["NotificationQueueStuck/receiver", "WatchdogNotReceived/receiver"]


@pytest.mark.server
async def test_an_info_is_told_beside_something_worse_only(server: AlertmanagerServer) -> None:
    assert await suppressed(
        server,
        alert("InfoInhibitor"),
        alert("SeriesDropped"),
        alert("SeriesDropped", "other"),
    ) == ["SeriesDropped/shop"]


@pytest.mark.server
async def test_the_fastest_burn_of_a_budget_is_enough(server: AlertmanagerServer) -> None:
    assert await suppressed(
        server,
        alert("ErrorBudgetBurn", **critical, window="1h"),
        alert("ErrorBudgetBurn", **warning, window="3d"),
    ) == ["ErrorBudgetBurn/shop"]
