from __future__ import annotations

import configparser
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.stack.places import PORTS, Places, read
from demo.stack.render import (
    CONFIG,
    SHIPPED,
    alertmanager_config,
    commands,
    prepare,
    prometheus_config,
    rules,
    supervisord_config,
)
from exporter import settings as exporter_settings
from prunella.service.settings import load
from receiver.settings import ReceiverSettings
from tests.prometheus.bundle import alerts

PROGRAMS = {
    "prometheus": "/p/prometheus",
    "alertmanager": "/p/am",
    "redis": "/p/redis",
    "postgres": "/p/postgres",
}
FAR = 40_000


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Every part 40000 ports away from its default."""
    return Places({part: default % 10_000 + FAR for part, (_, default) in PORTS.items()}, tmp_path)


def test_prometheus_scrapes_the_shipped_jobs_on_loopback(places: Places) -> None:
    shipped = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    config = prometheus_config(places)
    targets = {
        job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]
    }
    assert set(targets) == {job["job_name"] for job in shipped["scrape_configs"]}
    assert targets["shop"] == [f"127.0.0.1:{places.ports['shop']}"]
    assert config["rule_files"] == shipped["rule_files"]


def test_the_rules_are_the_shipped_ones_but_for_the_port_in_their_links(places: Places) -> None:
    for path, text in rules(places).items():
        ours = places.url("receiver")
        shipped = (SHIPPED / "rules" / path.name).read_text()
        assert text.replace(ours, "http://127.0.0.1:9651") == shipped
        assert f"{ours}/runbooks/" in text or "- alert:" not in text


def test_alertmanager_tells_our_receiver_with_our_token(places: Places) -> None:
    hooks = [
        h for r in alertmanager_config(places)["receivers"] for h in r.get("webhook_configs", [])
    ]
    assert [hook["url"] for hook in hooks] == [
        f"{places.url('receiver')}{path}" for path in ("/alerts", "/watchdog")
    ]
    for hook in hooks:
        file = hook["http_config"]["authorization"]["credentials_file"]
        assert file == str(places.folder / "secrets" / "webhook_token")


def test_every_part_listens_on_loopback_only(places: Places) -> None:
    words = [word for argv in commands(places, PROGRAMS).values() for word in argv]
    assert not any(word.startswith(("0.0.0.0", ":")) or "=:" in word for word in words)


def sections(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return parser


def test_supervisord_leaves_the_shop_to_the_receiver_and_revives_the_rest(places: Places) -> None:
    parser = sections(supervisord_config(places, PROGRAMS))
    assert parser["program:receiver"]["autorestart"] == "true"
    assert parser["program:shop"]["autorestart"] == "false"


def test_the_shop_runs_from_where_its_current_release_is(places: Places) -> None:
    shop = sections(supervisord_config(places, PROGRAMS))["program:shop"]
    assert shop["directory"] == str(places.folder / "shop" / "current")
    prepare(places, PROGRAMS)
    assert (places.folder / "shop" / "current" / "demo" / "shop" / "__main__.py").is_file()


def test_a_per_cent_sign_in_a_path_is_no_expansion(places: Places) -> None:
    odd = Places(places.ports, places.folder / "100%")
    assert f"{odd.folder}".replace("%", "%%") in supervisord_config(odd, PROGRAMS)


def test_tokens_are_secret_and_survive_a_second_start(places: Places) -> None:
    prepare(places, PROGRAMS)
    token = places.secrets / "operate_token"
    first = token.read_text()
    prepare(places, PROGRAMS)
    assert token.read_text() == first
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(places.secrets.stat().st_mode) == 0o700
    assert first not in {other.read_text() for other in places.secrets.iterdir() if other != token}


@pytest.mark.server
def test_the_real_tools_accept_what_is_rendered(places: Places) -> None:
    prepare(places, PROGRAMS)
    for argv in (
        ["promtool", "check", "config", str(places.folder / "prometheus" / "prometheus.yml")],
        ["amtool", "check-config", str(places.folder / "alertmanager" / "alertmanager.yml")],
    ):
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def receiver_settings(places: Places) -> ReceiverSettings:
    prepare(places, PROGRAMS)
    return load(ReceiverSettings, CONFIG / "receiver.yml", places.environment())


def test_the_exporter_reads_its_config(places: Places) -> None:
    prepare(places, PROGRAMS)
    settings = exporter_settings.read(CONFIG / "exporter.yml", places.environment())
    assert settings.server.listen.port == places.ports["exporter"]


def test_the_receiver_reads_its_config(places: Places) -> None:
    settings = receiver_settings(places)
    assert settings.listen.port == places.ports["receiver"]
    assert settings.listen.loopback
    assert list(settings.targets) == ["shop", "db", "db-backup", "jobs"]


def test_the_configs_stand_without_variables_beside_the_default_folder(
    tmp_path: Path,
) -> None:
    shutil.copytree(CONFIG, tmp_path / "demo" / "config")
    prepare(Places(read({}).ports, tmp_path / "var" / "stack"), PROGRAMS)
    folder = tmp_path / "demo" / "config"
    assert load(ReceiverSettings, folder / "receiver.yml", {}).listen.port == 9651
    assert exporter_settings.read(folder / "exporter.yml", {}).server.listen.port == 9650


def test_every_critical_alert_of_the_shop_is_answered_by_the_playbook_that_it_names(
    places: Places,
) -> None:
    names = {playbook.name for playbook in receiver_settings(places).playbooks}
    wanted: set[Any] = {rule["labels"]["action"] for rule in alerts()}
    assert names == wanted - {"none", "redis"}  # the shop's Redis is nobody's target
