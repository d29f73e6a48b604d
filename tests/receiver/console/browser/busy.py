"""A receiver of which every page has something to show, hostile text among it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.receiver.rig import firing
from tests.servers.receiver import OPERATE_TOKEN, ReceiverServer, receiver

READ_TOKEN = "r" * 32
WAITS = "AWAITING_APPROVAL"
MARKUP = "<img src=x onerror=alert(1)><script>document.title='owned'</script>'\"></textarea>"
TURNED = "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe\N{ZERO WIDTH SPACE}"
ENDLESS = "w" * 10_000


def playbook(name: str, alert: str, mode: str) -> dict[str, Any]:
    return {
        "name": name,
        "matchers": [f'alertname="{alert}"'],
        "mode": mode,
        "group_by": ["instance"],
        "cooldown": "0",
        "ladder": [{"name": "first", "action": "run", "argv": ["/bin/true"]}],
        "verify": {"settle": "0", "within": "1m", "every": "250ms", "need": 1, "hold": "0", "checks": [{"alert": "cleared"}]},
    }  # fmt: skip


CONFIG: dict[str, Any] = {
    "auth": {
        "webhook": [{"name": "alertmanager", "token_file": "webhook_token"}],
        "operate": [{"name": "ann", "token": OPERATE_TOKEN}],
        "read": [{"name": "bob", "token": READ_TOKEN}],
    },
    "mode": "auto",
    "limits": {"per_target": "100/1h", "global": "100/1h"},
    "targets": {
        "shop": {"matchers": ['service="shop"'], "http": {"base_url": "http://127.0.0.1:1"}},
    },
    "playbooks": [
        playbook("asks", "Asks", "approve"),
        playbook("watches", "Watches", "shadow"),
        playbook("mends", "Mends", "auto"),
    ],
    "channels": {"log": {"kind": "log"}},
}


def alert(name: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """Each (name, number) is an incident of its own."""
    labels = {"alertname": name, "instance": f"shop-{number}", **more.pop("labels", {})}
    return firing(labels=labels, fingerprint=f"{name}-{number}", **more)


def ended(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "status": "resolved", "endsAt": "2026-09-21T00:05:00Z"}


def hostile(name: str) -> dict[str, Any]:
    """Whatever somebody who can make an alert could write into it."""
    return alert(
        name,
        666,
        labels={"path": MARKUP, "file": TURNED, "stack": ENDLESS, "link": "javascript:alert(1)"},
        annotations={
            "summary": f"{MARKUP} {TURNED}",
            "description": f"{ENDLESS}\n{ENDLESS}",
            "runbook_url": "javascript:alert(1)//http://",
            "dashboard": "data:text/html,<script>alert(1)</script>",
            "dashboard_url": " jAvAsCrIpT:alert(1)",
        },
        generatorURL="javascript:alert(1)",
    )


@asynccontextmanager
async def busy(folder: Path) -> AsyncIterator[ReceiverServer]:
    """Two incidents wait, one of them hostile; others are over, watched, or nobody's."""
    async with receiver(folder, CONFIG) as server:
        over = alert("Mends")
        await server.deliver(over)
        await server.deliver(ended(over))
        await server.until_state("RESOLVED")
        await server.deliver(alert("Watches"), alert("Nobody's"), hostile("Asks"), hostile(MARKUP))
        await server.deliver(alert("Asks"))
        await server.until_state(WAITS)
        yield server
