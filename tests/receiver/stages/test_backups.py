from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

from receiver.backups.local import listed
from receiver.backups.record import write_record
from receiver.decide.backups import Kind, file_name
from receiver.decide.incident import State
from receiver.stages.backups import BackupGauges
from tests.receiver.rig import firing, resolved, rig

AT = 1_780_000_000


def value(name: str, backup: str = "db") -> float | None:
    labels = {"service": "shop", "backup": backup}
    return REGISTRY.get_sample_value(f"prunella_backup_{name}", labels)


def targets(folder: Path, **keys: object) -> dict[str, Any]:
    """One that is backed up, and nothing else of it."""
    facet = {"directory": str(folder), **keys}
    postgres = {"url": "postgresql://h/shop"}
    shop = {"matchers": ['service="shop"'], "backup": facet, "postgres": postgres}
    return {"targets": {"db": shop}, "playbooks": []}


async def test_what_was_never_made_is_zero_and_there(tmp_path: Path) -> None:
    async with rig(**targets(tmp_path, tables=["orders"])) as world:
        await BackupGauges(world.context).show()
        for name in ("last_success_timestamp_seconds", "last_size_bytes", "last_run_success"):
            assert value(name) == 0.0
        assert value("last_verified_timestamp_seconds", "db-export") == 0.0
        assert value("last_success_timestamp_seconds", "db-redis") is None
        assert (value("storage_free_bytes") or 0.0) > 0


async def test_what_became_of_the_last_run_is_shown(tmp_path: Path) -> None:
    write_record(
        tmp_path, "db", "database", ok=True, attempt=AT, success=AT, size=7, verified=AT + 5
    )
    async with rig(**targets(tmp_path)) as world:
        gauges = BackupGauges(world.context)
        await gauges.show()
        assert (value("last_success_timestamp_seconds"), value("last_size_bytes")) == (AT, 7)
        write_record(tmp_path, "db", "database", ok=False, attempt=AT + 60, reason="full")
        await gauges.show()
        assert (value("last_run_success"), value("last_success_timestamp_seconds")) == (0, AT)
        assert value("last_verified_timestamp_seconds") == AT + 5


async def test_where_the_record_is_lost_the_files_tell(tmp_path: Path) -> None:
    (tmp_path / file_name("db", Kind.DATABASE, AT)).write_text("dump")
    async with rig(**targets(tmp_path)) as world:
        await BackupGauges(world.context).show()
        assert (value("last_success_timestamp_seconds"), value("last_run_success")) == (AT, 1)


async def test_a_directory_that_is_gone_is_never_and_a_target_that_is_gone_is_nothing(
    tmp_path: Path,
) -> None:
    async with rig(**targets(tmp_path / "gone")) as world:
        gauges = BackupGauges(world.context)
        await gauges.show()
        assert value("last_success_timestamp_seconds") == 0.0
        assert value("storage_free_bytes") is None
        world.settings = world.settings.model_copy(update={"targets": {}})
        await gauges.show()
        assert value("last_success_timestamp_seconds") is None


def failed_backup(status: str = "firing") -> dict[str, Any]:
    """As the bundled rule says it."""
    labels = {"alertname": "BackupFailed", "service": "shop", "backup": "db-config", "action": "backup"}  # fmt: skip
    return (firing if status == "firing" else resolved)(labels=labels)


def a_playbook_for(folder: Path) -> dict[str, Any]:
    """The bundled one, on a target whose configuration is kept."""
    (folder / "receiver.yml").write_text("mode: auto\n")
    facet = {"directory": str(folder / "store"), "config": [str(folder / "receiver.yml")]}
    target = {"matchers": ['backup=~"db.*"'], "backup": {**facet, "schedule": None, "drill": None}}
    policies = {"oncall": [{"after": "0s", "notify": ["ops"]}]}
    book = {"include": "backup", "mode": "auto", "escalate": "oncall"}
    return {"targets": {"db": target}, "playbooks": [book], "escalation": policies}


async def test_a_backup_that_failed_is_made_once_more_and_that_is_the_end_of_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "store").mkdir()
    async with rig(**a_playbook_for(tmp_path)) as world:
        await world.deliver(failed_backup())
        await world.settle()
        await world.deliver(failed_backup("resolved"))
        await world.wait(120)
        assert (await world.incident()).state is State.RESOLVED
        assert len(await world.events("intent")) == 1
    assert len(listed(tmp_path / "store", "db")) == 1


async def test_one_that_fails_again_is_not_made_for_ever_but_a_human_is_called(
    tmp_path: Path,
) -> None:
    async with rig(**a_playbook_for(tmp_path)) as world:
        await world.deliver(failed_backup())
        await world.wait(300, step=30)
        assert (await world.incident()).state is State.ESCALATED
        tried = len(await world.events("outcome"))
        await world.wait(7200, step=300)
        assert len(await world.events("outcome")) == tried
        assert {row["result"] for row in await world.events("outcome")} == {"failed"}
        assert "escalated" in [letter["event"] for letter in await world.told()]
