"""A receiver that is killed between telling somebody and writing it down: at most one message twice, with one key."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.receiver.rig import firing
from tests.servers.process import until
from tests.servers.receiver import ReceiverServer, receiver

pytestmark = pytest.mark.server


@dataclass
class Hook:
    """A webhook, what it got, and what it does before it answers."""

    url: str = ""
    got: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    before_the_answer: Callable[[], None] | None = None

    async def hear(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.got.append((request.headers["Idempotency-Key"], body["event"], body))
        if self.before_the_answer is not None:
            act, self.before_the_answer = self.before_the_answer, None
            act()
        return web.Response(text="ok")

    @property
    def keys(self) -> list[str]:
        return [key for key, _, _ in self.got]


@asynccontextmanager
async def hooked(folder: Path) -> AsyncIterator[tuple[ReceiverServer, Hook]]:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/hook", hook.hear)
    async with TestServer(app) as server:
        hook.url = str(server.make_url("/hook"))
        config = {"channels": {"ops": {"kind": "webhook", "url": hook.url, "digest_above": None}}}
        async with receiver(folder, config) as running:
            yield running, hook


async def test_i8_one_message_twice_at_most_with_the_same_key(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (running, hook):
        hook.before_the_answer = running.kill
        await running.deliver(*(firing(f"s{number}") for number in range(5)))
        await until(lambda: hook.before_the_answer is None, "killed while telling", deadline=60)
        await running.begin()
        await until(
            lambda: len(set(hook.keys)) == 5, "all told", deadline=60, process=running.process
        )
        told = Counter(hook.keys)
        assert sorted(told.values()) in ([1, 1, 1, 1, 1], [1, 1, 1, 1, 2])
        first = [body for _, _, body in hook.got if body["dedup_key"] == hook.keys[0]]
        assert {one["title"] for one in first} == {first[0]["title"]}

        def written() -> bool:
            return len(running.events("notified")) == 5

        await until(written, "all written down", deadline=60, process=running.process)
