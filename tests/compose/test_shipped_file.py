from __future__ import annotations

import re
import runpy
import subprocess
from pathlib import Path

import pytest
import yaml

from exporter.settings import read as read_exporter
from prunella.service.settings import load
from receiver.decide.matchers import matches_all
from receiver.settings import ReceiverSettings
from tests.compose.shipped import (
    COMPOSE,
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
def test_only_the_filter_holds_the_docker_socket(name: str) -> None:
    holds = "docker.sock" in str(SERVICES[name].get("volumes"))
    assert holds is (name == "docker-proxy")


def test_only_receivers_reach_the_filter_and_it_reaches_nobody() -> None:
    reach = {name for name, one in SERVICES.items() if "docker-proxy" in one.get("networks", ())}
    assert reach == {"docker-proxy", "receiver", "receiver-a", "receiver-b"}
    assert "ports" not in SERVICES["docker-proxy"]
    assert COMPOSE["networks"]["docker-proxy"]["internal"] is True


def test_one_of_two_profiles_has_what_there_is_once_and_the_other_what_there_is_twice() -> None:
    by_profile: dict[str, set[str]] = {"single": set(), "ha": set()}
    for name, service in SERVICES.items():
        for profile in service.get("profiles", by_profile):
            by_profile[profile].add(name)
    shared = by_profile["single"] & by_profile["ha"]
    assert by_profile["single"] - shared == {"receiver", "prometheus", "alertmanager"}
    twice = {f"{part}-{one}" for part in ("receiver", "alertmanager") for one in "ab"}
    assert by_profile["ha"] - shared == {*twice, "prometheus-of-two", "journal", "pair"}
    assert (ROOT / ".env").read_text().endswith("COMPOSE_PROFILES=single\n")


def test_what_there_is_twice_has_ports_of_its_own() -> None:
    ports = [
        port for name in SERVICES if name.endswith(("-a", "-b")) for port in SERVICES[name]["ports"]
    ]
    assert len(set(ports)) == 4


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - OURS))
def test_an_image_of_others_is_pinned_by_an_exact_tag_and_says_when_it_is_healthy(
    name: str,
) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-alpine)?", SERVICES[name]["image"])
    assert SERVICES[name]["healthcheck"]["test"]


def test_our_images_are_pinned_run_as_nobody_special_and_need_no_frontend_from_a_registry() -> None:
    assert re.search(r"^ARG BASE_IMAGE=python:\d\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "syntax=" not in DOCKERFILE
    assert DOCKERFILE.count("HEALTHCHECK") == 2  # exporter and receiver; the shop's is in compose


def test_every_port_is_on_loopback_and_may_be_moved() -> None:
    assert len(set(published())) == 8
    for port in published():
        assert re.fullmatch(r"127\.0\.0\.1:\$\{PRUNELLA_[A-Z_]+_PORT:-\d+\}:\d+", port)


def test_no_secret_is_in_the_repository() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    # where they are, and not what they are
    found = set(re.findall(r"\w*(?:PASSWORD|SECRET|TOKEN)\w*", text))
    assert found == {"PRUNELLA_TOKEN_FILE", "POSTGRES_PASSWORD_FILE"}
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
    names = _hosts(text)
    assert {"exporter", "receiver", "shop", "alertmanager"} <= names <= SERVICES.keys()


def test_the_pair_is_made_of_the_shipped_files_and_names_both_of_what_there_are_two() -> None:
    pair = runpy.run_path(str(ROOT / "docker" / "pair.py"))
    tell = pair["alertmanager"](alertmanager_config())
    look = pair["prometheus"](yaml.safe_load((BUNDLE / "prometheus.yml").read_text()))
    work = pair["receiver"](yaml.safe_load((ROOT / "docker" / "receiver.yml").read_text()))
    twice = {f"{part}-{one}" for part in ("receiver", "alertmanager") for one in "ab"}
    named = _hosts(str([tell, look, work]))
    assert twice <= named <= SERVICES.keys()
    assert not named & {"receiver", "alertmanager"}
    hooks = [hook["url"] for one in tell["receivers"] for hook in one.get("webhook_configs", ())]
    assert len(set(hooks)) == len(hooks) == 4
    assert (work["journal_file"], "journal" in work) == ("/run/journal/prunella_url", False)


def test_the_exporters_config_is_good(tmp_path: Path) -> None:
    (tmp_path / "prunella_url").write_text("postgresql://prunella:word@postgres/shop\n")
    config = (ROOT / "docker" / "exporter.yml").read_text()
    (tmp_path / "exporter.yml").write_text(config.replace("/run/database/", f"{tmp_path}/"))
    read_exporter(tmp_path / "exporter.yml", {})


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
    not_done_here = {"backup"}  # no pg_dump is in the image
    assert answered | not_done_here == {labels["action"] for labels in calls}


def test_the_receiver_asks_and_acts_on_services_that_exist(tmp_path: Path) -> None:
    assert _hosts(_receiver(tmp_path).model_dump_json()) <= SERVICES.keys()


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


@pytest.mark.parametrize("folder", ["docker", "demo/config"])
def test_a_drill_that_is_repeated_costs_no_rung_its_grant(folder: str) -> None:
    config = yaml.safe_load((ROOT / folder / "receiver.yml").read_text())
    assert config["trust"] == {"recurrence": "10s"}


@pytest.mark.parametrize(
    "script", ["compose-test", "private-engine.bash", "roles.sh", "stand-in-postgres.sh"]
)
def test_the_scripts_are_bash(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / "docker" / script)], check=True)


def _hosts(text: str) -> set[str]:
    return set(re.findall(r"([a-z]+(?:-[a-z]+)*):\d{4}", text)) - {"localhost"}


def _receiver(folder: Path) -> ReceiverSettings:
    """docker/receiver.yml as in its container, but for the tokens, which are made there."""
    config = (ROOT / "docker" / "receiver.yml").read_text()
    for name in ("webhook_token", "operate_token"):
        (folder / name).write_text("0123456789\n")
    (folder / "prunella_url").write_text("postgresql://prunella:word@postgres/shop\n")
    file = folder / "receiver.yml"
    file.write_text(re.sub("/run/(prunella|database)/", f"{folder}/", config))
    return load(ReceiverSettings, file, {})
