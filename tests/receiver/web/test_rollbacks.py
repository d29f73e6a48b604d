"""An operator asks for a rollback: refused at once with what is missing, or an incident of its own that is proven."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.rig import CONFIG
from tests.receiver.strategies.places import a_place
from tests.receiver.strategies.programs import a_script
from tests.receiver.web.serving import READ, Answer, Client, serving
from tests.servers.process import until
from tests.servers.supervisor import supervisord

PATH = "/api/v1/rollbacks"
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


async def ask(client: Client, path: str = PATH, **body: Any) -> Answer:
    return await client.ask("POST", path, data=json.dumps(body).encode())


async def deployed(client: Client, *versions: str, good: str | None = "v1") -> None:
    """Each in turn; one is a restore point."""
    for version in versions:
        await ask(client, "/api/v1/releases", target="shop", version=version, state="finished")
    if good is not None:
        await ask(client, "/api/v1/restore-points", target="shop", version=good)


async def starts(client: Client, version: str) -> Answer:
    """A deploy."""
    said = {"target": "shop", "version": version, "state": "started"}
    return await ask(client, "/api/v1/releases", **said)


def targets(folder: Path, process: dict[str, Any]) -> dict[str, Any]:
    """`shop` with two releases beside each other; what `current` points at serves."""
    path = a_place(folder, "v1", "v2", current="v2")
    said = a_script(folder, "version", f"basename $(readlink {path}/current)")
    release = {"strategy": "symlink", "path": str(path), "version": {"command": [str(said)]}}
    shop = {"matchers": ['service="shop"'], "process": process, "release": release}
    return {"shop": shop, "cache": CONFIG["targets"]["cache"]}


def by_program(folder: Path) -> dict[str, Any]:
    return targets(folder, {"manager": "command", "restart": ["true"], "reload": ["true"]})


@pytest.mark.server
async def test_an_operator_goes_back_and_lifts_the_freeze(tmp_path: Path) -> None:
    async with supervisord(tmp_path, {"shop": SLEEP}, startsecs="0") as server:
        process = {"manager": "supervisor", "name": "shop", "url": server.url}
        shop = targets(tmp_path, process)
        async with serving(tmp_path, targets=shop, playbooks=[]) as client:
            await deployed(client, "v1", "v2")
            answer = await ask(client, target="shop", to="v1")
            assert (answer.status, answer.json) == (202, {"incident": 1})

            async def closed() -> bool:
                shown = (await client.ask("GET", "/api/v1/incidents/1")).json
                return bool(shown["state"] in {"RESOLVED", "ESCALATED"})

            await until(closed, "the rollback proven", deadline=50)
            assert (await client.ask("GET", "/api/v1/incidents/1")).json["state"] == "RESOLVED"
            back, bad, _ = (await client.ask("GET", "/api/v1/releases")).json
            assert (back["version"], back["serves"], back["rollback"]) == ("v1", True, True)
            assert (bad["version"], bad["state"], bad["quarantined"]) == ("v2", "rolled_back", True)
            assert (await starts(client, "v3")).json["reason"] == "deploy_frozen"
            lifted = await ask(client, "/api/v1/releases/unfreeze", target="shop")
            assert lifted.json == {"target": "shop", "version": "v2", "unfrozen_by": "ann"}
            assert (await starts(client, "v3")).status == 200
            assert (await starts(client, "v2")).json["reason"] == "quarantined"


@pytest.mark.parametrize(
    ("versions", "good", "to", "reason", "words"),
    [
        ((), None, None, "no_release", "knows no release of shop"),
        (("v1", "v2"), None, None, "no_known_good", "restore-point shop VERSION"),
        (("v1", "v2"), None, "v1", "no_known_good", "v1 is not known to be good"),
        (("v1", "v2"), "v1", "v2", "no_known_good", "v2 is what serves"),
        (("v1", "v2"), "v1", "v7", "no_known_good", "the ledger of shop has no v7"),
    ],
)
async def test_what_the_ledger_speaks_against_is_said_at_once(
    tmp_path: Path, versions: tuple[str, ...], good: str | None, to: str | None, reason: str, words: str
) -> None:  # fmt: skip
    async with serving(tmp_path, targets=by_program(tmp_path), playbooks=[]) as client:
        await deployed(client, *versions, good=good)
        refused = await ask(client, target="shop", **({} if to is None else {"to": to}))
        assert (refused.status, refused.json["reason"]) == (409, reason)
        assert words in refused.json["error"]
        assert (await client.ask("GET", "/api/v1/incidents")).json["incidents"] == []


async def test_a_quarantined_version_is_never_gone_back_to(tmp_path: Path) -> None:
    async with serving(tmp_path, targets=by_program(tmp_path), playbooks=[]) as client:
        await deployed(client, "v1", "v2")
        await ask(client, "/api/v1/releases", target="shop", version="v1", state="quarantined")
        refused = await ask(client, target="shop", to="v1")
        assert (refused.status, "never gone back to" in refused.json["error"]) == (409, True)


async def test_a_deploy_that_is_under_way_is_not_disturbed(tmp_path: Path) -> None:
    async with serving(tmp_path, targets=by_program(tmp_path), playbooks=[]) as client:
        await deployed(client, "v1", "v2")
        await ask(client, "/api/v1/releases", target="shop", version="v3", state="started")
        refused = await ask(client, target="shop")
        assert (refused.status, refused.json["reason"]) == (409, "deploy_in_flight")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"target": "ship"}, 422, "unknown_target"),
        ({"target": "cache"}, 422, "facet_missing"),
        ({"target": "shop", "to": "../v1"}, 422, "bad_options"),
        ({"target": "shop", "from": "v1"}, 422, "wrong_shape"),
        ({}, 422, "wrong_shape"),
    ],
)
async def test_what_can_never_be_is_refused(
    tmp_path: Path, body: dict[str, Any], status: int, reason: str
) -> None:
    async with serving(tmp_path, targets=by_program(tmp_path), playbooks=[]) as client:
        refused = await ask(client, **body)
        assert (refused.status, refused.json["reason"]) == (status, reason), refused.json


async def test_in_shadow_nothing_is_rolled_back(tmp_path: Path) -> None:
    shop = by_program(tmp_path)
    async with serving(tmp_path, targets=shop, playbooks=[], mode="shadow") as client:
        refused = await ask(client, target="shop")
        assert (refused.status, refused.json["reason"]) == (409, "shadow")


async def test_who_may_only_read_rolls_nothing_back(tmp_path: Path) -> None:
    async with serving(tmp_path, targets=by_program(tmp_path), playbooks=[]) as client:
        for path in (PATH, "/api/v1/releases/unfreeze"):
            body = json.dumps({"target": "shop"}).encode()
            assert (await client.ask("POST", path, token=READ, data=body)).status == 403


async def test_what_is_not_frozen_is_not_lifted(tmp_path: Path) -> None:
    async with serving(tmp_path, targets=by_program(tmp_path), playbooks=[]) as client:
        refused = await ask(client, "/api/v1/releases/unfreeze", target="shop")
        assert (refused.status, refused.json["reason"]) == (404, "not_found")
        refused = await ask(client, "/api/v1/releases/unfreeze", target="ship")
        assert (refused.status, refused.json["reason"]) == (422, "unknown_target")
        assert "known: cache, shop" in refused.json["error"]
