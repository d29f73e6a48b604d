"""The documents' own route: one request, and the counts in its answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from receiver.actions import ACTIONS
from receiver.actions.base import Action, ActionFailed, Done, Effect
from receiver.cli.operate import _healed
from receiver.tools import Tools
from tests.receiver.cli.test_commands import prunella
from tests.receiver.cli.test_operate import a_token
from tests.receiver.web.serving import READ, WEBHOOK, Answer, Client, serving
from tests.servers.ports import free_port

PATH = "/api/admin/heal"
KINDS = ("heal_all", "heal_stale_sessions", "heal_stuck_jobs", "heal_orphaned_records")


class Sweep(Action):
    """Says what it would have healed; on the target `broken` it fails."""

    async def run(self, effect: Effect, tools: Tools) -> Done:
        if effect.target.name == "broken":
            raise ActionFailed("the server is gone")
        if effect.kind == "heal_stuck_jobs":
            return Done("swept", {"stuckJobs": 2})
        return Done("swept", {"staleSessions": 1, "stuckJobs": 2, "orphanedRecords": 3})


@pytest.fixture(autouse=True)
def _sweep() -> Iterator[None]:
    before = dict(ACTIONS)
    ACTIONS.update(dict.fromkeys(KINDS, Sweep))
    yield
    ACTIONS.clear()
    ACTIONS.update(before)


@asynccontextmanager
async def shops(folder: Path, *names: str) -> AsyncIterator[Client]:
    """A receiver whose targets answer."""

    async def well(_: web.Request) -> web.Response:
        return web.Response()

    app, port = web.Application(), free_port()
    app.router.add_get("/{path:.*}", well)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    target = {"http": {"base_url": f"http://127.0.0.1:{port}"}}
    try:
        async with serving(folder, targets=dict.fromkeys(names, target), playbooks=[]) as client:
            yield client
    finally:
        await runner.cleanup()


async def ask(client: Client, **body: Any) -> Answer:
    return await client.ask("POST", PATH, data=json.dumps(body).encode())


async def test_everything_everywhere_is_counted(tmp_path: Path) -> None:
    async with shops(tmp_path, "db", "jobs") as client:
        answer = await ask(client)
        assert answer.status == 200
        counted = {"staleSessions": 2, "stuckJobs": 4, "orphanedRecords": 6, "waiting": []}
        assert counted.items() <= answer.json.items()
        assert 0 < answer.json["duration"] < 20_000
        assert len(answer.json["incidents"]) == 2


async def test_a_kind_and_a_target_may_be_named(tmp_path: Path) -> None:
    async with shops(tmp_path, "db", "jobs") as client:
        answer = await ask(client, kind="jobs", targets=["jobs"])
        counts = [answer.json[name] for name in ("staleSessions", "stuckJobs", "orphanedRecords")]
        assert (answer.status, counts) == (200, [0, 2, 0])


async def test_what_failed_is_said_and_what_was_healed_is_counted(tmp_path: Path) -> None:
    async with shops(tmp_path, "db", "broken") as client:
        answer = await ask(client)
        assert (answer.status, answer.json["reason"]) == (500, "heal_failed")
        assert "broken (incident " in answer.json["error"]
        assert "the server is gone" in answer.json["error"]
        assert answer.json["stuckJobs"] == 2


async def test_what_is_held_back_is_202_with_why(tmp_path: Path) -> None:
    async with shops(tmp_path, "db") as client:
        await client.ask("POST", "/api/v1/pause", data=b'{"reason": "no"}')
        answer = await ask(client)
        (waiting,) = answer.json["waiting"]
        assert (answer.status, waiting["target"], waiting["reason"]) == (202, "db", "paused")
        assert [waiting["incident"]] == answer.json["incidents"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"kind": "everything"}, 422, "wrong_shape"),
        ({"targets": []}, 422, "wrong_shape"),
        ({"targets": "db"}, 422, "wrong_shape"),
        ({"target": ["db"]}, 422, "wrong_shape"),
        ({"targets": ["bd"]}, 422, "unknown_target"),
    ],
)
async def test_what_is_no_wish_is_refused(
    tmp_path: Path, body: dict[str, Any], status: int, reason: str
) -> None:
    async with shops(tmp_path, "db") as client:
        answer = await ask(client, **body)
        assert (answer.status, answer.json["reason"]) == (status, reason)


@pytest.mark.parametrize(("token", "status"), [(None, 401), (READ, 403), (WEBHOOK, 403)])
async def test_only_operators_may(tmp_path: Path, token: str | None, status: int) -> None:
    async with shops(tmp_path, "db") as client:
        assert (await client.ask("POST", PATH, token=token, data=b"{}")).status == status


@pytest.mark.server
async def test_an_operator_says_heal_and_reads_how_much(tmp_path: Path) -> None:
    async with shops(tmp_path, "db", "broken") as client:
        token = a_token(tmp_path)
        code, out, err = await prunella("heal", "--target", "db", url=client.url, token_file=token)
        assert (code, err) == (0, "")
        assert out.startswith("1 stale sessions, 2 stuck jobs and 3 orphaned records healed in ")
        code, _, err = await prunella("heal", "jobs", url=client.url, token_file=token)
        assert code == 1
        assert "the server is gone" in err


def test_what_is_still_to_come_is_said_with_the_command_that_follows_it() -> None:
    waiting = [{"incident": 7, "target": "db", "reason": "paused"}]
    counts = {"staleSessions": 0, "stuckJobs": 2, "orphanedRecords": 0, "duration": 1500}
    assert _healed({**counts, "waiting": waiting}).splitlines() == [
        "0 stale sessions, 2 stuck jobs and 0 orphaned records healed in 1.5 s",
        "still to come: db (paused), `prunella incidents 7`",
    ]
