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
TILLS = ("till-1", "till-2", "till-3", "till-4")  # an action on one holds up nothing on another


def playbook(name: str, alert: str, mode: str) -> dict[str, Any]:
    return {
        "name": name,
        "matchers": [f'alertname="{alert}"'],
        "mode": mode,
        "group_by": ["service", "path"],
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
    "limits": {"per_target": "100/1h", "global": "100/1h", "disruptive_at_once": 10},
    "targets": {
        name: {"matchers": [f'service="{name}"'], "http": {"base_url": "http://127.0.0.1:1"}}
        for name in ("shop", *TILLS)
    },
    "playbooks": [
        playbook("asks", "Asks", "approve"),
        playbook("watches", "Watches", "shadow"),
        playbook("mends", "Mends", "auto"),
    ],
    "channels": {"log": {"kind": "log"}},
}


def alert(name: str, service: str = "shop", **more: Any) -> dict[str, Any]:
    """Each (name, service) is an incident of its own."""
    labels = {"alertname": name, **more.pop("labels", {})}
    return firing(service, **{"labels": labels, "fingerprint": f"{name}-{service}", **more})


def ended(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "status": "resolved", "endsAt": "2026-09-21T00:05:00Z"}


def hostile(name: str) -> dict[str, Any]:
    """Whatever somebody who can make an alert could write into it."""
    return alert(
        name,
        fingerprint=f"hostile {name}",
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
