"""What stands in docs/examples is used as it stands: every file is read by the program that it is for."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from prunella.service.settings import load
from receiver.settings import ReceiverSettings

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
UNITS = sorted(EXAMPLES.glob("*.service"))


def said(*argv: str, cwd: Path = EXAMPLES) -> str:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.server
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_gives_its_service_few_rights(unit: Path) -> None:
    text = said("systemd-analyze", "security", "--offline=true", str(unit))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
    assert exposure is not None
    assert float(exposure[1]) <= 2.0


@pytest.mark.server
def test_prometheus_and_alertmanager_read_the_files_for_two_of_everything() -> None:
    assert "SUCCESS" in said("promtool", "check", "config", "prometheus.yml", cwd=EXAMPLES / "ha")
    assert "SUCCESS" in said("amtool", "check-config", str(EXAMPLES / "ha" / "alertmanager.yml"))


@pytest.mark.server
def test_prometheus_reads_what_sends_to_a_store(tmp_path: Path) -> None:
    config = yaml.safe_load((EXAMPLES / "remote-write.yml").read_text())
    secret = tmp_path / "password"
    secret.write_text("x")
    config["remote_write"][0]["basic_auth"]["password_file"] = str(secret)
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    assert "SUCCESS" in said("promtool", "check", "config", str(tmp_path / "prometheus.yml"))


def test_the_receiver_reads_its_file_for_two_of_everything() -> None:
    environ = {
        "WEBHOOK_TOKEN": "w" * 32,
        "OPERATE_TOKEN": "o" * 32,
        "JOURNAL_URL": "postgresql://prunella:secret@127.0.0.1/prunella",
    }
    settings = load(ReceiverSettings, EXAMPLES / "ha" / "receiver.yml", environ)
    assert settings.alertmanager is not None
    assert len(settings.alertmanager.urls) == 2


def test_both_alertmanagers_tell_both_receivers() -> None:
    config = yaml.safe_load((EXAMPLES / "ha" / "alertmanager.yml").read_text())
    for receiver in config["receivers"]:
        hosts = {hook["url"].split("/")[2] for hook in receiver["webhook_configs"]}
        assert hosts == {"a.example.org:9651", "b.example.org:9651"}


@pytest.mark.server
def test_pm2_reads_both_services() -> None:
    script = "console.log(JSON.stringify(require('./ecosystem.config.js')))"
    apps: list[dict[str, Any]] = json.loads(said("node", "-e", script))["apps"]
    assert [app["name"] for app in apps] == ["prunella-receiver", "prunella-exporter"]
    assert all(app["kill_timeout"] >= 10_000 for app in apps)  # it stops within ten seconds


def test_every_step_of_the_uptime_workflow_is_a_shell_script() -> None:
    workflow = yaml.safe_load((EXAMPLES / "uptime.yml").read_text())
    for step in workflow["jobs"]["look"]["steps"]:
        plain = re.sub(r"\$\{\{[^}]*\}\}", "value", step["run"])
        said("bash", "-n", "-c", plain)


NOTES = """#!/bin/sh
echo "$(basename "$0") $*" >> "$NOTED"
[ "$2" != list ] || echo "$OPEN"
"""


def the_last_step(folder: Path, **environ: str) -> list[str]:
    """What the workflow does with what it saw: the words of each program that it ran."""
    for program in ("gh", "curl"):
        (folder / program).write_text(NOTES)
        (folder / program).chmod(0o755)
    workflow = yaml.safe_load((EXAMPLES / "uptime.yml").read_text())
    script = workflow["jobs"]["look"]["steps"][-1]["run"]
    env = {"PATH": f"{folder}:/usr/bin:/bin", "NOTED": str(folder / "noted"), "OPEN": "", **environ}
    env = {"TITLE": "staging does not answer", "SLACK": "https://slack.example", **env}
    subprocess.run(["bash", "-e", "-c", script], env=env, check=True, capture_output=True)
    noted = (folder / "noted").read_text().splitlines()
    # the first is the look for an open issue
    return [" ".join(line.split()[:3]) for line in noted][1:]


@pytest.mark.parametrize(
    ("up", "opened", "done"),
    [
        ("no", "", ["gh issue create", "curl -fsS --max-time"]),
        ("no", "7", ["gh issue comment"]),
        ("yes", "7", ["gh issue close", "curl -fsS --max-time"]),
        ("yes", "", []),
    ],
)
def test_the_uptime_workflow_keeps_one_issue_and_tells_slack_of_its_ends(
    tmp_path: Path, up: str, opened: str, done: list[str]
) -> None:
    assert the_last_step(tmp_path, UP=up, OPEN=opened) == done


def test_the_uptime_workflow_needs_no_slack(tmp_path: Path) -> None:
    assert the_last_step(tmp_path, UP="no", SLACK="") == ["gh issue create"]


def test_the_uptime_workflow_looks_at_production_and_staging_every_five_minutes() -> None:
    workflow = yaml.safe_load((EXAMPLES / "uptime.yml").read_text())
    each = workflow["jobs"]["look"]["strategy"]["matrix"]["include"]
    assert [one["environment"] for one in each] == ["production", "staging"]
    assert workflow[True]["schedule"] == [{"cron": "*/5 * * * *"}]  # YAML reads `on` so


def test_fly_io_s_file_asks_the_route_that_an_endpoint_asks() -> None:
    config = tomllib.loads((EXAMPLES / "fly.toml").read_text())
    (check,) = config["http_service"]["checks"]
    assert (check["method"], check["path"]) == ("GET", "/health")


@pytest.mark.server
def test_nginx_reads_what_stands_before_the_receiver(tmp_path: Path) -> None:
    argv = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=a",
    ]
    said(*argv, "-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem"))
    text = (EXAMPLES / "nginx.conf").read_text()
    text = text.replace("/etc/letsencrypt/live/prunella.example.org", str(tmp_path))
    (tmp_path / "site.conf").write_text(text)
    main = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; include {tmp_path}/site.conf; }}"
    (tmp_path / "nginx.conf").write_text(main)
    nginx = "/usr/sbin/nginx"  # where Debian puts it, which is not on everybody's path
    assert "successful" in said(
        nginx, "-t", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)
    )
