"""A real Alertmanager in front of a real receiver: the test plays Prometheus, and a repair leaves lines in a file."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.servers.alertmanager import AlertmanagerServer, alertmanager, webhook_config
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.receiver import ReceiverServer, receiver

REPAIR = 'echo begun >> "$0"; sleep "$1"; echo over >> "$0"'


@dataclass(frozen=True)
class Alerting:
    """`log` is the outside evidence of the repairs."""

    alertmanager: AlertmanagerServer
    receiver: ReceiverServer
    log: Path

    def done(self, word: str = "over") -> int:
        """How many repairs have begun, or are over."""
        return self.log.read_text().split().count(word) if self.log.exists() else 0

    async def repaired(self, times: int = 1, deadline: float = 20.0) -> None:
        await until(lambda: self.done() == times, f"{times} repairs", deadline=deadline)

    async def refused(self, reason: str) -> None:
        """Waits until the guards have said no for that reason."""

        def said() -> bool:
            return reason in {row["reason"] for row in self.receiver.events("refused")}

        await until(said, f"refused as {reason}", deadline=10.0)

    async def sees(self, status: str, count: int = 1) -> None:
        """Waits until so many changes to that status are in the journal."""

        def there() -> bool:
            rows = self.receiver.events("received")
            return [row["status"] for row in rows].count(status) >= count

        await until(there, f"{count} received as {status}")


def shop(name: str = "Down", **times: float) -> dict[str, Any]:
    """An alert as Prometheus posts it; `starts` and `ends` are seconds from now."""
    alert: dict[str, Any] = {
        "labels": {"alertname": name, "service": "shop", "severity": "critical"}
    }
    for key, seconds in times.items():
        at = datetime.fromtimestamp(time.time() + seconds, UTC)
        alert[f"{key}At"] = at.isoformat()
    return alert


@asynccontextmanager
async def healer(
    folder: Path, *urls: str, takes: float = 0.1, book: Mapping[str, Any] | None = None, **more: Any
) -> AsyncIterator[tuple[ReceiverServer, Path]]:
    """The receiver that looks at these Alertmanagers every half second, and the log of its repairs."""
    log, nobody = folder / "repairs", f"http://127.0.0.1:{free_port()}"
    config = {
        "mode": "auto",
        "targets": {"shop": {"matchers": ['service="shop"'], "http": {"base_url": nobody}}},
        "playbooks": [
            {
                "name": "down",
                "matchers": ['alertname="Down"'],
                "mode": "auto",
                "cooldown": "0",
                "ladder": [
                    {"action": "run", "argv": ["/bin/sh", "-c", REPAIR, str(log), str(takes)]}
                ],
                "verify": {
                    "settle": "100ms",
                    "within": "20s",
                    "every": "200ms",
                    "need": 1,
                    "checks": [{"alert": "cleared"}],
                },
                **(book or {}),
            }
        ],
        **more,
        "alertmanager": {"urls": list(urls), "reconcile": "500ms", **more.get("alertmanager", {})},
    }
    async with receiver(folder / "receiver", config) as server:
        yield server, log


@asynccontextmanager
async def alerting(folder: Path, takes: float = 0.1, **more: Any) -> AsyncIterator[Alerting]:
    """One Alertmanager that sends everything at once, and again every second while `repeat` says so."""
    port, hook = free_port(), more.pop("hook", {})
    async with healer(folder, f"http://127.0.0.1:{port}", takes=takes, **more) as (server, log):
        config = sending_to(server, **hook)
        async with alertmanager(folder, config, port=port) as made:
            yield Alerting(made, server, log)


def sending_to(server: ReceiverServer, **route: Any) -> dict[str, Any]:
    """Alertmanager's config; `route` changes its root route, `inhibit_rules` are its own."""
    rules = route.pop("inhibit_rules", [])
    config = webhook_config(f"{server.url}/alerts", token_file=server.token_file.absolute())
    config["route"].update(route)
    return {**config, "inhibit_rules": rules}
