"""What goes wrong around a receiver that runs: its config is spoilt under it, its journal is locked by somebody else."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.alerting import healer
from tests.receiver.rig import firing
from tests.servers.process import until
from tests.servers.receiver import ReceiverServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]
NOWHERE = "http://127.0.0.1:1"
DOWN: dict[str, Any] = {"labels": {"alertname": "Down"}, "startsAt": "2020-01-01T00:00:00Z"}


async def _reloaded(server: ReceiverServer, well: int) -> None:
    server.process.signal(signal.SIGHUP)
    gauge = f"prunella_config_last_reload_successful {well}.0"

    async def seen() -> bool:
        return gauge in await server.metrics()

    await until(seen, gauge)


async def test_i17_a_config_that_is_spoilt_changes_nothing_until_it_is_mended(
    tmp_path: Path,
) -> None:
    async with healer(tmp_path, NOWHERE) as (server, log):
        good = server.config.read_text()
        server.config.write_text(good.replace("mode: auto", "mode: hasty") + "\nplaybook: []\n")
        await _reloaded(server, 0)
        for said in ('"path": "playbook"', '"path": "mode"'):
            assert said in server.process.output()
        assert (await server.deliver(firing(**DOWN)))[0] == 202
        await until(log.exists, "a repair, as the old config says")
        server.config.write_text(good)
        await _reloaded(server, 1)


async def test_i7_a_journal_that_another_program_has_locked_is_503_and_then_it_goes_on(
    tmp_path: Path,
) -> None:
    async with healer(tmp_path, NOWHERE) as (server, log):
        other = sqlite3.connect(server.journal, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert (await server.deliver(firing(**DOWN)))[0] == 503
        assert not log.exists()
        other.execute("ROLLBACK")
        other.close()

        async def taken() -> bool:
            return (await server.deliver(firing(**DOWN)))[0] == 202

        await until(taken, "it is taken again")
        await until(log.exists, "a repair")
        assert len(await server.incidents()) == 1
