from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.e2e.stack import Stack, shop_and_receiver, stack
from tests.servers.ports import free_port
from tests.servers.process import start, until
from tests.servers.receiver import WEBHOOK_TOKEN, ReceiverServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def test_a_hanging_shop_is_noticed_judged_repaired_and_proven(tmp_path: Path) -> None:
    async with stack(tmp_path) as made:
        await made.break_shop("hang")
        await made.receiver.until_state("RESOLVED", deadline=60)
        assert await made.healthy()
        assert made.starts() == 2
        told = [row["ev"] for row in made.receiver.events()]
        assert told[:4] == ["received", "opened", "intent", "outcome"]
        assert [row["verdict"] for row in made.receiver.events("verdict")] == ["recovered"]


async def test_i7_a_receiver_killed_right_after_its_202_loses_nothing(tmp_path: Path) -> None:
    port = free_port()
    async with (
        stack(tmp_path, hook_url=f"http://127.0.0.1:{port}/alerts") as made,
        _killing_relay(port, made.receiver) as killed,
    ):
        await made.break_shop("hang")
        await until(lambda: bool(killed), "a 202 and the kill after it", deadline=30)
        await made.receiver.begin()
        await _healed_once(made)


async def test_i1_a_receiver_killed_right_after_an_action_began_restarts_once(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path) as made:
        await made.break_shop("hang")
        await until(
            lambda: bool(made.receiver.events("intent")), "an intent", every=0.002, deadline=30
        )
        made.receiver.kill()
        await made.receiver.begin()
        await _healed_once(made)
        assert made.receiver.events("outcome")[0]["result"] == "unknown"


async def _healed_once(made: Stack) -> None:
    await made.receiver.until_state("RESOLVED", deadline=60)
    assert await made.healthy()
    assert made.starts() == 2
    assert len(await made.receiver.incidents()) == 1
    assert len(made.receiver.events("resolved")) == 1


@asynccontextmanager
async def _killing_relay(port: int, target: ReceiverServer) -> AsyncIterator[list[int]]:
    """Stands between Alertmanager and the receiver; after the first 202 the receiver is gone before anybody reads it."""
    answered: list[int] = []

    async def relay(request: web.Request) -> web.Response:
        headers = {"Authorization": f"Bearer {WEBHOOK_TOKEN}", "Content-Type": "application/json"}
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(
                    f"{target.url}/alerts", data=await request.read(), headers=headers
                ) as answer,
            ):
                status = answer.status
        except aiohttp.ClientError:
            return web.Response(status=502)
        if status == 202 and not answered:
            target.kill()
            answered.append(status)
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/alerts", relay)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield answered
    finally:
        await runner.cleanup()


async def test_two_receivers_on_one_journal_are_refused_with_the_reason(tmp_path: Path) -> None:
    async with shop_and_receiver(tmp_path) as made:
        argv = [sys.executable, "-m", "receiver", "--config", str(made.receiver.config)]
        second = start("second", argv, tmp_path)
        await until(lambda: not second.running, "the second one gives up")
        assert second.popen.returncode == 2
        assert "another receiver already uses" in second.output()
