"""The configuration of the profile `ha`, made of that of the ordinary one when the containers start, so that neither drifts from the other.

Two of everything by the rules of docs/examples/ha: each Alertmanager tells both receivers, Prometheus tells both Alertmanagers and looks at all
four, and the receivers share a journal in PostgreSQL.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

SHIPPED, OURS, PAIR = Path("/etc/shipped"), Path("/etc/prunella"), Path("/run/pair")
JOURNAL = "/run/journal/prunella_url"
DOUBLED = re.compile(r"\b(receiver|alertmanager)(?=:\d)")


def both(value: str) -> list[str]:
    """Its address for each of the two, where it is one of something of which there are two."""
    if not DOUBLED.search(value):
        return [value]
    return [DOUBLED.sub(rf"\1-{one}", value) for one in "ab"]


def prometheus(config: dict[str, Any]) -> dict[str, Any]:
    """With both of what it scrapes and tells, and the rules where they are mounted there."""
    config["rule_files"] = [str(SHIPPED / files) for files in config["rule_files"]]
    statics = [*config["scrape_configs"], *config["alerting"]["alertmanagers"]]
    for static in (one for job in statics for one in job["static_configs"]):
        static["targets"] = [address for target in static["targets"] for address in both(target)]
    return config


def alertmanager(config: dict[str, Any]) -> dict[str, Any]:
    """With both of whom it tells, and the tokens where they are mounted there."""
    for receiver in config["receivers"]:
        if "webhook_configs" in receiver:
            receiver["webhook_configs"] = [
                {**hook, "url": url, "http_config": _with_token(hook["http_config"])}
                for hook in receiver["webhook_configs"]
                for url in both(hook["url"])
            ]
    return config


def _with_token(config: dict[str, Any]) -> dict[str, Any]:
    file = Path(config["authorization"]["credentials_file"])
    return {**config, "authorization": {"credentials_file": f"/etc/{file}"}}


def receiver(config: dict[str, Any]) -> dict[str, Any]:
    """With the journal that two can share."""
    del config["journal"]
    config["journal_file"] = JOURNAL
    config["alertmanager"]["urls"] = [
        one for url in config["alertmanager"]["urls"] for one in both(url)
    ]
    return config


def main() -> None:
    """Writes all three anew."""
    for source, change in (
        (SHIPPED / "prometheus.yml", prometheus),
        (SHIPPED / "alertmanager.yml", alertmanager),
        (OURS / "receiver.yml", receiver),
    ):
        config = change(yaml.safe_load(source.read_text()))
        (PAIR / source.name).write_text(yaml.safe_dump(config, sort_keys=False))


if __name__ == "__main__":
    main()
