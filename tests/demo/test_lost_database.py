"""The drill `backup`, on the demo's own PostgreSQL roles and a receiver with the demo's own config."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import asyncpg
import pytest

from demo.drill import lost_database
from demo.stack import database
from demo.stack.places import PORTS, Places
from demo.stack.programs import find
from demo.stack.render import CONFIG, prepare
from tests.demo.test_backing import _as_owner
from tests.servers.ports import free_port
from tests.servers.process import answers, running, start

pytestmark = pytest.mark.server
SHOP = """
    CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz DEFAULT now());
    CREATE TABLE order_lines (id bigint PRIMARY KEY, order_id bigint);
    CREATE TABLE sessions (id bigint PRIMARY KEY, expires_at timestamptz);
    INSERT INTO orders SELECT generate_series(1, 50); INSERT INTO sessions SELECT generate_series(1, 3)
"""


@pytest.mark.timeout(180)
async def test_a_lost_database_comes_back_row_by_row(tmp_path: Path) -> None:
    places = Places({part: free_port() for part in PORTS}, tmp_path)
    programs = find()
    prepare(places, programs)
    database.make(places, programs["postgres"])
    server = start("postgres", _as_owner(database.argv(places, programs["postgres"])), tmp_path)
    argv = [sys.executable, "-m", "receiver", "--config", str(CONFIG / "receiver.yml")]
    async with running(server, lambda: "ready to accept connections" in server.output()):
        db = await asyncpg.connect(database.url_file(places, "shop").read_text().strip())
        await db.execute(SHOP)
        ready = f"{places.url('receiver')}/-/ready"
        env = {**os.environ, **places.environment()}
        async with running(start("receiver", argv, tmp_path, env=env), lambda: answers(ready)):
            seen = [stage.name async for stage in lost_database.Drill(places).stages()]
        await db.close()
    assert seen == ["action", "proven", "broken", "refused", "action", "verified", "resolved"]
