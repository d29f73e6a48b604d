"""A receiver that dies in the middle of a backup: the next one makes it, and nobody ever sees half of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.backups.local import listed
from tests.receiver.backups.shops import a_shop, executables, names_in
from tests.servers.postgres import PostgresServer, binary
from tests.servers.process import until
from tests.servers.receiver import receiver

MADE = 'prunella_backup_last_success_timestamp_seconds{backup="db",service="db"}'
pytestmark = pytest.mark.server


@pytest.mark.timeout(180)
async def test_what_was_cut_off_is_made_from_the_beginning(
    server: PostgresServer, tmp_path: Path
) -> None:
    store, slow = tmp_path / "store", tmp_path / "slow"
    store.mkdir()
    gate = tmp_path / "gate"
    gate.write_text("shut")
    slow.write_text(
        f'#!/bin/sh\nwhile [ -e {gate} ]; do sleep 0.05; done\nexec {binary("pg_dump")} "$@"\n'
    )
    slow.chmod(0o755)
    facet = {"directory": str(store), "schedule": None, "drill": None}
    target = {"postgres": {"url": server.url(a_shop(server, 10))}, "backup": facet}
    config = {
        "mode": "auto",
        "executables": {**executables(), "pg_dump": str(slow)},
        "targets": {"db": target},
    }
    body = {"target": "db", "action": "backup", "options": {"kind": "database"}}
    async with receiver(tmp_path / "receiver", config) as one:
        assert (await one.post("/api/v1/repairs", body))[0] == 202
        await until(lambda: bool(names_in(store)), "it began")
        one.kill()
        assert listed(store, "db") == ()
        gate.unlink()
        await one.begin()
        await one.until_state("RESOLVED", deadline=90)
        assert [row["result"] for row in one.events("outcome")] == ["ok"]
        (made,) = listed(store, "db")
        assert names_in(store) == [made.name, f"{made.name}.manifest.json", f"{made.name}.sha256"]

        async def shown() -> bool:
            lines = (await one.metrics()).splitlines()
            return any(line.startswith(MADE) and not line.endswith(" 0.0") for line in lines)

        await until(shown, "its metrics say so", deadline=20)
