"""What the weekly drill proves: everything that was made, whatever becomes of one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.actions.base import ActionFailed, Done
from receiver.actions.verify_backup import VerifyBackup
from receiver.backups.making import back_up
from receiver.backups.record import read_record
from receiver.decide.backups import Kind, file_name
from receiver.targets import Target
from tests.receiver.actions.effects import an_effect
from tests.receiver.backups.shops import a_redis_copy, ground_on, names_in
from tests.receiver.stand_ins import a_toolbox

AT = 1_780_000_000.0


def a_target(folder: Path, **keys: object) -> Target:
    """Its configuration and a Redis are kept; there is no database."""
    store = folder / "store"
    store.mkdir()
    (folder / "receiver.yml").write_text("mode: auto\n")
    facet = {"directory": store, "config": [folder / "receiver.yml"], "redis": "redis://h/0"}
    return Target.model_validate({"name": "db", "backup": {**facet, **keys}})


async def a_config(target: Target) -> str:
    """The backup of its configuration."""
    return (await back_up(ground_on(target), Kind.CONFIG)).name


def store_of(target: Target) -> Path:
    assert target.backup is not None
    return target.backup.directory


async def proven(target: Target, **options: object) -> Done:
    action = VerifyBackup.model_validate(options)
    assert action.objection(target) is None
    return await action.run(an_effect(target), a_toolbox())


async def test_the_last_one_of_every_kind_is_proven_and_stamped(tmp_path: Path) -> None:
    target = a_target(tmp_path)
    config, old, copy = (
        await a_config(target),
        a_redis_copy(store_of(target), AT),
        a_redis_copy(store_of(target), AT + 60),
    )
    done = await proven(target)
    assert done.counts["backups"] == 2
    assert done.text == f"{config}: 1 files were read; {copy}: 18 bytes, whole"
    stamps = [name for name in names_in(store_of(target)) if name.endswith(".verified")]
    assert stamps == [f"{config}.verified", f"{copy}.verified"]
    assert f"{old}.verified" not in stamps


async def test_one_that_is_spoiled_keeps_no_other_from_being_proven(tmp_path: Path) -> None:
    target = a_target(tmp_path)
    config, copy = await a_config(target), a_redis_copy(store_of(target), AT)
    (store_of(target) / config).write_bytes(b"x")
    with pytest.raises(ActionFailed, match=rf"^config: {config} is not what .*; {copy}: 18 bytes"):
        await proven(target)
    known = read_record(store_of(target), "db")
    assert (known["config"].verify_ok, known["redis"].verify_ok) == (False, True)


async def test_what_was_never_made_is_passed_over_for_what_was(tmp_path: Path) -> None:
    target = a_target(tmp_path)
    await a_config(target)
    assert (await proven(target)).counts["backups"] == 1
    assert "redis" not in read_record(store_of(target), "db")


async def test_where_nothing_was_ever_made_nothing_is_proven(tmp_path: Path) -> None:
    target = a_target(tmp_path)
    with pytest.raises(ActionFailed, match="there is no backup of the config of db") as told:
        await proven(target)
    assert not told.value.started
    assert not read_record(store_of(target), "db")["config"].verify_ok


async def test_a_database_that_was_never_made_is_not_passed_over(tmp_path: Path) -> None:
    target = a_target(tmp_path)
    config = await a_config(target)
    with_one = target.model_copy(
        update={"postgres": Target.model_validate(
            {"name": "db", "postgres": {"url": "postgresql://h/shop"}}
        ).postgres}
    )  # fmt: skip
    with pytest.raises(ActionFailed, match=rf"^database: there is no backup.*; {config}: 1 files"):
        await proven(with_one)


async def test_one_that_is_named_is_proven_alone(tmp_path: Path) -> None:
    target = a_target(tmp_path)
    await a_config(target)
    copy = a_redis_copy(store_of(target), AT)
    assert (await proven(target, file=copy)).text == f"{copy}: 18 bytes, whole"
    assert "config" in read_record(store_of(target), "db")
    assert read_record(store_of(target), "db")["config"].verify_attempt == 0.0


async def test_a_copy_that_breaks_off_with_a_sum_that_is_right_is_found(tmp_path: Path) -> None:
    target = a_target(tmp_path)
    a_redis_copy(store_of(target), AT, data=b"REDIS0011" + b"x" * 20)
    with pytest.raises(ActionFailed, match="is no whole RDB file"):
        await proven(target, file=file_name("db", Kind.REDIS, AT))


@pytest.mark.parametrize("restore", [True, False])
async def test_a_stamp_is_only_for_what_was_read_to_its_end(tmp_path: Path, restore: bool) -> None:
    target = a_target(tmp_path)
    config = await a_config(target)
    await proven(target, restore=restore)
    assert (f"{config}.verified" in names_in(store_of(target))) is restore


def test_a_target_that_keeps_nothing_has_nothing_to_prove(tmp_path: Path) -> None:
    target = a_target(tmp_path, config=[], redis=None)
    assert VerifyBackup().objection(target) == "`backup:` names nothing to keep"


@pytest.mark.parametrize("file", ["../x.dump", "a/b.dump", ".hidden", "-rf", "x" * 300, ""])
def test_a_file_is_named_and_no_path(file: str) -> None:
    with pytest.raises(ValueError, match="must match"):
        VerifyBackup.model_validate({"file": file})
