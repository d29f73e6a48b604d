"""Two receivers on one journal, and a moment of the schedule that came while nobody was there: one of them makes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from prunella.service.clock import SystemClock
from receiver.backups.local import listed
from receiver.backups.proving import prove
from receiver.journal.postgres import open_journal
from receiver.settings import ReceiverSettings
from tests.receiver.backups.shops import a_ground, a_shop, config_of, names_in
from tests.servers.postgres import PostgresServer, binary
from tests.servers.process import until
from tests.servers.receiver import receiver

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]
QUICK = "tests.proof.quick_receiver"  # whose leases end soon


def a_moment_ago(now: float) -> str:
    """Daily, and five minutes ago."""
    at = datetime.fromtimestamp(now - 300, UTC)
    return f"{at.minute} {at.hour} * * *"


async def nobody_was_there(journal: str, config: dict[str, Any], now: float) -> None:
    """The journal says that somebody looked at the schedules ten minutes ago, and nobody since."""
    (schedule,) = ReceiverSettings.model_validate({**config, "mode": "shadow"}).schedules
    opened = await open_journal(journal, SystemClock())
    try:
        await opened.remember(f"schedule:{schedule.rhythm}", json.dumps([now - 600, 0.0]))
    finally:
        await opened.close()


def held_up(folder: Path, name: str) -> Path:
    """A pg_dump that says who began it, and waits until the gate is open."""
    script = folder / name
    script.write_text(
        f"#!/bin/sh\necho {name} >>{folder}/begun\n"
        f'while [ -e {folder}/gate ]; do sleep 0.05; done\nexec {binary("pg_dump")} "$@"\n'
    )
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("killed", [False, True], ids=["both live", "who does it is killed"])
async def test_the_nightly_backup_is_made_once_by_two_receivers(
    server: PostgresServer, tmp_path: Path, killed: bool
) -> None:
    store, now, journal = tmp_path / "store", SystemClock().now(), server.url(server.database())
    store.mkdir()
    (tmp_path / "gate").touch()
    name = a_shop(server, 10)
    common = config_of(server, name, store, schedule=a_moment_ago(now), config=[])
    common |= {"mode": "auto", "journal": journal}
    await nobody_was_there(journal, common, now)

    def own(who: str) -> dict[str, Any]:
        slow = {"pg_dump": str(held_up(tmp_path, who))}
        return {**common, "executables": {**common["executables"], **slow}}

    async with (
        receiver(tmp_path / "1", own("first"), QUICK) as first,
        receiver(tmp_path / "2", own("second"), QUICK) as second,
    ):
        await until((tmp_path / "begun").exists, "one of them has begun", deadline=60)
        does, other = (first, second) if begun(tmp_path) == ["first"] else (second, first)
        if killed:
            does.kill()
        (tmp_path / "gate").unlink()
        await other.until_state("RESOLVED", deadline=120)
        assert len(await other.incidents()) == 1
    assert len(begun(tmp_path)) == 1 + killed
    (made,) = listed(store, "db")
    assert names_in(store) == [made.name, f"{made.name}.manifest.json", f"{made.name}.sha256"]
    await prove(a_ground(server, name, store))


def begun(folder: Path) -> list[str]:
    """Who began a dump, in order."""
    return (folder / "begun").read_text().split()
