"""The stack's files: tokens, Prometheus' and Alertmanager's config derived from the shipped ones, supervisord's.

The exporter and the receiver read demo/config/*.yml as they stand: their config knows `${NAME}`, the others' does not.
"""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from demo.releases.layout import Layout
from demo.stack import database
from demo.stack.places import ROOT, Places

CONFIG = ROOT / "demo" / "config"
SHIPPED = ROOT / "prometheus"
SHIPPED_RECEIVER = "http://127.0.0.1:9651"  # in the links of the rules
TOKENS = (
    *("webhook_token", "operate_token", "preview_bot_token", "preview_signing_secret"),
    *database.PASSWORDS.values(),
)
INTERVAL = "2s"  # of scrapes and evaluations: a demonstration is watched by somebody

Files = dict[Path, str]


def prepare(places: Places, programs: Mapping[str, str]) -> Path:
    """Writes everything and returns supervisord's config. Tokens of an earlier run are kept."""
    for name in (
        "secrets",
        "logs",
        "prometheus",
        "prometheus/rules",
        "alertmanager",
        "receiver",
        "redis",
        "workers",
        "backups",
    ):
        (places.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    places.socket.parent.mkdir(mode=0o700, exist_ok=True)
    for name in TOKENS:
        _token(places.secrets / name)
    Layout(places.shop).make()
    config = places.folder / "supervisord.conf"
    files = {
        places.folder / "prometheus" / "prometheus.yml": _yaml(prometheus_config(places)),
        places.folder / "alertmanager" / "alertmanager.yml": _yaml(alertmanager_config(places)),
        config: supervisord_config(places, programs),
        **rules(places),
        **database.addresses(places),
    }
    for path, text in files.items():
        path.touch(mode=0o600)
        path.write_text(text)
    return config


def _token(path: Path) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32) + "\n")


def _yaml(tree: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(tree), sort_keys=False, width=120)


def prometheus_config(places: Places) -> dict[str, Any]:
    """The shipped one, with loopback addresses and short intervals."""
    config: dict[str, Any] = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    config["global"] = dict.fromkeys(
        ("scrape_interval", "scrape_timeout", "evaluation_interval"), INTERVAL
    )
    for job in config["scrape_configs"]:
        (static,) = job["static_configs"]
        static["targets"] = [f"127.0.0.1:{places.ports[job['job_name']]}"]
    (alertmanagers,) = config["alerting"]["alertmanagers"]
    alertmanagers["static_configs"][0]["targets"] = [f"127.0.0.1:{places.ports['alertmanager']}"]
    return config


def rules(places: Places) -> Files:
    """The shipped rules word for word, but for the port in their links."""
    return {
        places.folder / "prometheus" / "rules" / file.name: file.read_text().replace(
            SHIPPED_RECEIVER, places.url("receiver")
        )
        for file in sorted((SHIPPED / "rules").glob("*.rules.yml"))
    }


def alertmanager_config(places: Places) -> dict[str, Any]:
    """The shipped one, with our receiver's address and token, and quick to tell."""
    config: dict[str, Any] = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    config["route"].update(group_wait="1s", group_interval="5s")
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", []):
            hook["url"] = hook["url"].replace("http://receiver:9651", places.url("receiver"))
            hook["http_config"]["authorization"]["credentials_file"] = str(
                places.secrets / "webhook_token"
            )
    return config


def commands(places: Places, programs: Mapping[str, str]) -> dict[str, list[str]]:
    """What runs, by part."""
    data, ports = places.folder, places.ports
    return {
        "prometheus": [
            programs["prometheus"],
            f"--config.file={data / 'prometheus' / 'prometheus.yml'}",
            f"--storage.tsdb.path={data / 'prometheus' / 'data'}",
            "--storage.tsdb.retention.time=35d",
            # What fires before Alertmanager has been discovered is lost until it is sent again, after a minute by default.
            "--rules.alert.resend-delay=10s",
            f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
            f"--web.external-url={places.url('prometheus')}",
        ],
        "alertmanager": [
            programs["alertmanager"],
            f"--config.file={data / 'alertmanager' / 'alertmanager.yml'}",
            f"--storage.path={data / 'alertmanager' / 'data'}",
            f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
            f"--web.external-url={places.url('alertmanager')}",
            "--cluster.listen-address=",
        ],
        "redis": [
            *(programs["redis"], "--port", str(ports["redis"]), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(data / "redis")),
            *("--maxmemory", "64mb", "--maxmemory-policy", "noeviction"),  # a job is not evicted
        ],
        "postgres": database.argv(places, programs["postgres"]),
        "exporter": [sys.executable, "-m", "exporter", "--config", str(CONFIG / "exporter.yml")],
        "receiver": [sys.executable, "-m", "receiver", "--config", str(CONFIG / "receiver.yml")],
        "shop": [
            *(sys.executable, "-m", "demo.shop", f"--listen=127.0.0.1:{ports['shop']}"),
            *(f"--redis={places.redis_url}", f"--database={database.url_file(places, 'shop')}"),
        ],
        "workers": [
            *(sys.executable, "-m", "demo.shop.workers", "run", f"--redis={places.redis_url}"),
            f"--folder={data / 'workers'}",
        ],
        "preview": [
            *("nice", "-n", "10"),  # nobody waits for it: the others start first
            *(sys.executable, "-m", "demo.preview", f"--port={ports['preview']}"),
            *("--receiver", places.url("receiver")),
            f"--token-file={places.secrets / 'preview_bot_token'}",
            f"--signing-secret-file={places.secrets / 'preview_signing_secret'}",
        ],
        "traffic": [sys.executable, "-m", "demo.traffic", f"--url={places.url('shop')}"],
    }


# supervisord restarts the parts of the stack, but not the shop: that is the receiver's work here.
OPTIONS = {
    "shop": {
        "autorestart": "false",
        "stopwaitsecs": "2",
        "environment": 'PYTHONDONTWRITEBYTECODE="1"',  # a release stays as it was deployed
    },
    "receiver": {"stopwaitsecs": "12"},  # it ends what it is doing
    "postgres": {"stopsignal": "INT", **database.runs_as()},  # INT: without waiting for clients
}


def supervisord_config(places: Places, programs: Mapping[str, str]) -> str:
    """One [program] for each part; `%` would be read as an expansion."""
    head = f"""\
[supervisord]
logfile={places.logs / "supervisord.log"}
pidfile={places.folder / "supervisord.pid"}
childlogdir={places.logs}
identifier=prunella
{"user=root" if os.geteuid() == 0 else ""}
[unix_http_server]
file={places.socket}
chmod=0600
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{places.socket}
"""
    sections = [
        "\n".join([f"[program:{part}]", *(f"{key}={value}" for key, value in options.items()), ""])
        for part, options in _programs(places, programs).items()
    ]
    return "\n".join([head, *sections]).replace("%", "%%")


def _programs(places: Places, programs: Mapping[str, str]) -> dict[str, dict[str, str]]:
    shared = {
        "directory": str(ROOT),
        "autorestart": "true",
        "startsecs": "1",
        "stopwaitsecs": "8",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": "1",
    }
    return {
        part: {
            "command": shlex.join(argv),
            "stdout_logfile": f"{places.logs / part}.log",
            **shared,
            **OPTIONS.get(part, {}),
            **({"directory": str(places.shop / "current")} if part == "shop" else {}),
        }
        for part, argv in commands(places, programs).items()
    }
