from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from prunella.service.settings import ConfigError
from receiver.app import executables
from receiver.settings import ReceiverSettings
from tests.receiver.rig import CONFIG
from tests.receiver.web.serving import READ, WEBHOOK, Answer, Client, serving
from tests.servers.process import until
from tests.servers.supervisor import supervisord

PATH = "/api/v1/repairs"
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


async def ask(client: Client, **body: Any) -> Answer:
    return await client.ask("POST", PATH, data=json.dumps(body).encode())


@pytest.mark.server
async def test_a_process_is_restarted_because_an_operator_says_so(tmp_path: Path) -> None:
    async with supervisord(tmp_path, {"shop": SLEEP}, startsecs="0") as server:
        process = {"manager": "supervisor", "name": "shop", "url": server.url}
        targets = {"shop": {"matchers": ['service="shop"'], "process": process}}
        async with serving(tmp_path, targets=targets, playbooks=[]) as client:
            answer = await ask(client, target="shop", action="restart", options={"up_for": "1s"})
            assert (answer.status, answer.json) == (202, {"incident": 1})

            async def closed() -> bool:
                shown = (await client.ask("GET", "/api/v1/incidents/1")).json
                return bool(shown["state"] == "RESOLVED")

            await until(closed, "the repair proven", deadline=20)
            rows = (await client.ask("GET", "/api/v1/incidents/1")).json["timeline"]
            (outcome,) = (row for row in rows if row["ev"] == "outcome")
            assert outcome["result"] == "ok"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"target": "ship", "action": "restart"}, "unknown_target"),
        ({"target": "shop", "action": "explode"}, "unknown_action"),
        ({"target": "shop", "action": "run", "options": {"argv": ["/bin/true"]}}, "config_only"),
        ({"target": "shop", "action": "restart", "options": {"up_to": "1s"}}, "bad_options"),
        ({"target": "shop", "action": "restart"}, "facet_missing"),
        ({"target": "shop"}, "wrong_shape"),
        ({"target": "shop", "action": "restart", "mode": "auto"}, "wrong_shape"),
        ({"target": ["shop"], "action": "restart"}, "wrong_shape"),
    ],
)
async def test_what_cannot_be_done_is_422_with_its_reason(
    tmp_path: Path, body: dict[str, Any], reason: str
) -> None:
    async with serving(tmp_path) as client:
        answer = await ask(client, **body)
        assert (answer.status, answer.json["reason"]) == (422, reason)
        listed = await client.ask("GET", "/api/v1/incidents")
        assert listed.json["incidents"] == []


async def test_in_shadow_mode_it_is_409(tmp_path: Path) -> None:
    process = {"manager": "supervisor", "name": "shop", "url": "unix:///nowhere/s.sock"}
    targets = {"shop": {"matchers": ['service="shop"'], "process": process}}
    async with serving(tmp_path, targets=targets, playbooks=[], mode="shadow") as client:
        answer = await ask(client, target="shop", action="restart")
        assert (answer.status, answer.json["reason"]) == (409, "shadow")


@pytest.mark.parametrize(("token", "status"), [(None, 401), (READ, 403), (WEBHOOK, 403)])
async def test_only_operators_may(tmp_path: Path, token: str | None, status: int) -> None:
    async with serving(tmp_path) as client:
        assert (await client.ask("POST", PATH, token=token, data=b"{}")).status == status


def test_a_program_that_only_a_schedule_starts_is_missed_at_the_start() -> None:
    nightly = {"name": "n", "cron": "0 3 * * *", "action": "run", "on": ["shop"]}
    schedules = [{**nightly, "options": {"argv": ["/no/such/broom"]}}]
    settings = ReceiverSettings.model_validate({**CONFIG, "schedules": schedules})
    with pytest.raises(ConfigError, match=r"schedules\[0\]: there is no program /no/such/broom"):
        executables(settings)


def test_a_manager_that_only_a_repair_by_hand_needs_is_looked_for_and_not_missed() -> None:
    target = {"process": {"manager": "pm2", "name": "shop"}}
    settings = ReceiverSettings.model_validate(
        {**CONFIG, "targets": {**CONFIG["targets"], "web": target}}
    )
    assert executables(settings).get("pm2") == shutil.which("pm2")
