from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from exporter.settings import read as read_exporter
from prunella.service.settings import load
from receiver.decide.matchers import matches_all
from receiver.settings import ReceiverSettings
from tests.compose.shipped import (
    DOCKERFILE,
    OURS,
    ROOT,
    SERVICES,
    mounted_files,
    published,
)
from tests.prometheus.bundle import BUNDLE, alertmanager_config, alerts

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


@every_service
def test_a_container_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]


@every_service
def test_a_container_has_limits(name: str) -> None:
    assert {"mem_limit", "pids_limit"} <= SERVICES[name].keys()
    assert "ulimits" not in SERVICES[name]


@every_service
def test_nobody_holds_the_docker_socket(name: str) -> None:
    assert "docker.sock" not in str(SERVICES[name])


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - OURS))
def test_an_image_of_others_is_pinned_by_an_exact_tag_and_says_when_it_is_healthy(
    name: str,
) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+(-alpine)?", SERVICES[name]["image"])
    assert SERVICES[name]["healthcheck"]["test"]


def test_our_images_are_pinned_run_as_nobody_special_and_need_no_frontend_from_a_registry() -> None:
    assert re.search(r"^ARG BASE_IMAGE=python:\d\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "syntax=" not in DOCKERFILE
    assert DOCKERFILE.count("HEALTHCHECK") == 2  # exporter and receiver; the shop's is in compose


def test_every_port_is_on_loopback_and_may_be_moved() -> None:
    assert len(published()) == 6
    for port in published():
        assert re.fullmatch(r"127\.0\.0\.1:\$\{PRUNELLA_[A-Z]+_PORT:-(\d+)\}:\1", port)


def test_no_secret_is_in_the_repository() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(
        r"(?i)password|secret_key|token: ", text.replace("there is no password", "")
    )
    assert "environment" not in SERVICES["alertmanager"]


@pytest.mark.parametrize("file", mounted_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_what_is_mounted_exists_and_may_be_read_by_others(file: Path) -> None:
    assert file.exists()
    assert file.stat().st_mode & 0o004


def test_what_is_mounted_from_the_repository_is_read_only() -> None:
    volumes = [v for service in SERVICES.values() for v in service.get("volumes", [])]
    assert all(v.endswith(":ro") for v in volumes if isinstance(v, str) and v.startswith("./"))


def test_prometheus_and_alertmanager_are_told_of_services_that_exist() -> None:
    text = (BUNDLE / "prometheus.yml").read_text() + str(alertmanager_config())
    names = set(re.findall(r"([a-z]+):\d{4}", text)) - {"localhost"}
    assert {"exporter", "receiver", "shop", "alertmanager"} <= names <= SERVICES.keys()


def test_the_exporters_config_is_good() -> None:
    read_exporter(ROOT / "docker" / "exporter.yml", {})


def test_the_receivers_config_is_good_and_has_a_playbook_for_every_action_of_the_rules(
    tmp_path: Path,
) -> None:
    playbooks = _receiver(tmp_path).playbooks
    calls = [
        {**rule["labels"], "alertname": rule["alert"]}
        for rule in alerts()
        if rule["labels"]["action"] != "none"
    ]
    answered = {
        labels["action"]
        for labels in calls
        for playbook in playbooks
        if matches_all(playbook.matchers, labels)
    }
    by_the_engine = {"redis"}  # its restart policy; the receiver has no control socket there
    assert answered | by_the_engine == {labels["action"] for labels in calls}


def test_the_receiver_asks_and_acts_on_services_that_exist(tmp_path: Path) -> None:
    written = _receiver(tmp_path).model_dump_json()
    assert set(re.findall(r"http://([a-z]+):", written)) <= SERVICES.keys()


def test_the_series_that_prove_a_repair_are_recorded_by_the_bundled_rules() -> None:
    text = (ROOT / "docker" / "receiver.yml").read_text()
    recorded = "\n".join(file.read_text() for file in BUNDLE.glob("rules/*.yml"))
    for series in re.findall(r"[a-z_]+:[a-z_]+:[a-z_0-9]+", text):
        assert f"record: {series}\n" in recorded


def test_grafana_is_given_what_its_provisioning_asks_for() -> None:
    files = (ROOT / "grafana" / "provisioning").rglob("*.yml")
    text = "".join(file.read_text() for file in files)
    assert set(re.findall(r"\$\{(\w+)\}", text)) <= SERVICES["grafana"]["environment"].keys()
    for path in re.findall(r"path: (/[\w/]+)", text):
        assert any(f":{path}:" in str(volume) for volume in SERVICES["grafana"]["volumes"])


@pytest.mark.parametrize("script", ["compose-test", "private-engine.bash"])
def test_the_scripts_are_bash(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / "docker" / script)], check=True)


def _receiver(folder: Path) -> ReceiverSettings:
    """docker/receiver.yml as in its container, but for the tokens, which are made there."""
    config = (ROOT / "docker" / "receiver.yml").read_text()
    for name in ("webhook_token", "operate_token"):
        (folder / name).write_text("0123456789\n")
    file = folder / "receiver.yml"
    file.write_text(config.replace("/run/prunella/", f"{folder}/"))
    return load(ReceiverSettings, file, {})
