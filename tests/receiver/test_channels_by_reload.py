"""Channels that a reload takes out and brings back: each message is still sent once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from tests.receiver.rig import firing
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.receiver import ReceiverServer, receiver

OTHER = {"kind": "webhook", "url": "http://127.0.0.1:9/nobody"}


@asynccontextmanager
async def hook(got: Counter[str]) -> AsyncIterator[str]:
    """Counts what it is told by its dedup key; yields its URL."""

    async def answer(request: web.Request) -> web.Response:
        got[(await request.json())["dedup_key"]] += 1
        return web.Response()

    app, port = web.Application(), free_port()
    app.router.add_post("/hook", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/hook"
    finally:
        await runner.cleanup()


async def reload(server: ReceiverServer, channels: Mapping[str, Any]) -> None:
    config = yaml.safe_load(server.config.read_text())
    server.config.write_text(yaml.safe_dump({**config, "channels": channels}))
    status, said = await server.post("/-/reload", {})
    assert status == 200, said


async def told(server: ReceiverServer, got: Counter[str], number: int) -> None:
    """One more incident, which `ops` has heard of before this returns."""
    await server.deliver(firing(f"f{number}", labels={"service": f"s{number}"}))

    def heard() -> bool:
        notified = [row for row in server.events("notified") if row["channel"] == "ops"]
        return len(notified) >= number

    await until(heard, f"message {number}", process=server.process)


@pytest.mark.server
async def test_a_channel_that_was_taken_out_and_comes_back_says_everything_once(
    tmp_path: Path,
) -> None:
    got = Counter[str]()
    async with hook(got) as url:
        ops = {"kind": "webhook", "url": url}
        both, one = {"ops": ops, "other": OTHER}, {"other": OTHER}
        async with receiver(tmp_path, {"mode": "shadow", "channels": both}) as server:
            for channels in (one, both, one, both):
                await reload(server, channels)
            for number in range(1, 6):
                await told(server, got, number)
    assert set(got.values()) == {1}
    assert len(got) >= 5


@pytest.mark.server
async def test_a_channel_that_a_reload_brings_is_told(tmp_path: Path) -> None:
    got = Counter[str]()
    async with hook(got) as url:
        config = {"mode": "shadow", "channels": {"other": OTHER}}
        async with receiver(tmp_path, config) as server:
            await reload(server, {"ops": {"kind": "webhook", "url": url}})
            await told(server, got, 1)
    assert got


@pytest.mark.server
async def test_the_gauge_of_a_channel_that_was_taken_out_goes_and_comes_back_with_it(
    tmp_path: Path,
) -> None:
    gauge = "prunella_outbox_oldest_timestamp_seconds"
    both, one = {"ops": OTHER, "other": OTHER}, {"other": OTHER}

    async with receiver(tmp_path, {"mode": "shadow", "channels": both}) as server:

        async def shown(*channels: str) -> None:
            async def is_so() -> bool:
                page = await server.metrics()
                return all(
                    (f'{gauge}{{channel="{name}"}}' in page) == (name in channels) for name in both
                )

            await until(is_so, f"gauges of {channels}", process=server.process)

        await shown("ops", "other")
        await reload(server, one)
        await shown("other")
        await reload(server, both)
        await shown("ops", "other")
