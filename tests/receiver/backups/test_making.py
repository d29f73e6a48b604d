from __future__ import annotations

import asyncio
import resource
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from receiver.actions.backup import Backup as BackupAction
from receiver.actions.base import ActionFailed
from receiver.backups.base import BackupError, Ground
from receiver.backups.files import alone
from receiver.backups.local import listed
from receiver.backups.making import back_up, clean_up
from receiver.backups.pings import pinged
from receiver.backups.record import read_record, write_record
from receiver.decide.backups import Kind, file_name
from receiver.targets import Target
from receiver.tools import OutsideError
from tests.receiver.actions.effects import an_effect
from tests.receiver.backups.shops import facet_of, names_in
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, SteppedClock, a_toolbox
from tests.servers.process import until

DAY = 86400.0
NOW = 1_780_000_000.0


def a_ground(folder: Path, http: StandInHttp | None = None, **keys: object) -> Ground:
    """Backs up one config file, which needs no server."""
    (folder / "receiver.yml").write_text("mode: auto\n")
    store = folder / "backups"
    store.mkdir(exist_ok=True)
    tools = a_toolbox(clock=SteppedClock(NOW), http=http or StandInHttp())
    facet = facet_of(store, config=[folder / "receiver.yml"], **keys)
    return Ground("db", facet, None, tools, 10.0)


def older(ground: Ground, days: float, *, verified: bool = False, kind: Kind = Kind.CONFIG) -> str:
    """One that was made so many days ago."""
    name = file_name("db", kind, NOW - days * DAY)
    endings = ("", ".sha256", ".manifest.json", *((".verified",) if verified else ()))
    for ending in endings:
        (ground.facet.directory / f"{name}{ending}").write_text("x")
    return name


def there(ground: Ground) -> set[str]:
    return {one.name for one in listed(ground.facet.directory, "db")}


async def test_a_success_lets_go_of_what_is_old(tmp_path: Path) -> None:
    ground = a_ground(tmp_path, keep_last=1)
    old, proven = older(ground, 50), older(ground, 40, verified=True)
    young = older(ground, 2)
    made = await back_up(ground, Kind.CONFIG)
    assert there(ground) == {made.name, young, proven}
    assert made.pruned == 1
    assert not any(name.startswith(old) for name in names_in(ground.facet.directory))


async def test_one_kind_never_prunes_another(tmp_path: Path) -> None:
    ground = a_ground(tmp_path, keep_last=1)
    dumps = {older(ground, days, kind=Kind.DATABASE) for days in (50, 60)}
    await back_up(ground, Kind.CONFIG)
    assert dumps <= there(ground)


async def test_a_failure_prunes_nothing_and_keeps_its_reason(tmp_path: Path) -> None:
    ground = a_ground(tmp_path, keep_last=1)
    await back_up(ground, Kind.CONFIG)
    old = {older(ground, days) for days in (50, 60)}
    (tmp_path / "receiver.yml").write_text("a: [")
    with pytest.raises(BackupError, match="is not YAML"):
        await back_up(ground, Kind.CONFIG)
    assert old <= there(ground)
    with pytest.raises(BackupError, match="nothing is let go until one succeeds"):
        await clean_up(ground)
    assert old <= there(ground)
    runs = read_record(ground.facet.directory, "db")["config"]
    assert not runs.ok
    assert runs.success == NOW


async def test_what_a_killed_run_left_is_taken_away_by_the_next(tmp_path: Path) -> None:
    ground = a_ground(tmp_path)
    directory, name = ground.facet.directory, file_name("db", Kind.CONFIG, NOW - 10)
    for left in (f"{name}.partial", f"{name}.sha256", f"{name}.manifest.json.partial"):
        (directory / left).write_text("x")
    (directory / "notes.txt.partial").write_text("somebody else's")
    made = await back_up(ground, Kind.CONFIG)
    assert names_in(directory) == [
        *(made.name, f"{made.name}.manifest.json", f"{made.name}.sha256", "notes.txt.partial")
    ]


async def test_two_of_one_second_have_names_of_their_own(tmp_path: Path) -> None:
    ground = a_ground(tmp_path)
    assert {(await back_up(ground, Kind.CONFIG)).name for _ in range(3)} == there(ground)
    assert len(there(ground)) == 3


async def test_only_one_at_a_time(tmp_path: Path) -> None:
    ground = a_ground(tmp_path)
    with (
        alone(ground.facet.directory, "db"),
        pytest.raises(BackupError, match="is under way") as caught,
    ):
        await back_up(ground, Kind.CONFIG)
    assert not caught.value.started


async def test_a_directory_that_is_not_there_is_not_made_up_for(tmp_path: Path) -> None:
    ground = a_ground(tmp_path)
    ground.facet.directory.rmdir()
    with pytest.raises(BackupError, match="is not there: mount the disk") as caught:
        await back_up(ground, Kind.CONFIG)
    assert not caught.value.started
    assert not ground.facet.directory.exists()


async def test_the_check_hears_of_start_and_success(tmp_path: Path) -> None:
    http = StandInHttp()
    await back_up(a_ground(tmp_path, http, ping_url="http://hc.example/uuid"), Kind.CONFIG)
    asked = [one.url.partition("?rid=") for one in http.asked]
    assert [url for url, _, _ in asked] == [
        "http://hc.example/uuid/start",
        "http://hc.example/uuid",
    ]
    assert asked[0][2] == asked[1][2] != ""


async def test_the_check_hears_of_a_failure_and_its_own_silence_hurts_nobody(
    tmp_path: Path,
) -> None:
    http = StandInHttp(OutsideError("nobody there", sent=False))
    ground = a_ground(tmp_path, http, ping_url="http://hc.example/uuid?create=1")
    (tmp_path / "receiver.yml").write_text("a: [")
    with pytest.raises(BackupError, match="is not YAML"):
        await back_up(ground, Kind.CONFIG)
    assert http.asked[-1].url.startswith("http://hc.example/uuid/fail?create=1&rid=")


def test_a_record_that_cannot_be_read_is_nothing(tmp_path: Path) -> None:
    write_record(tmp_path, "db", "database", ok=True, success=5.0)
    assert read_record(tmp_path, "db")["database"].success == 5.0
    (tmp_path / ".db.prunella.json").write_text("{")
    assert read_record(tmp_path, "db") == {}


async def test_of_a_full_one_each_kind_is_tried_and_the_whole_has_failed(tmp_path: Path) -> None:
    (tmp_path / "receiver.yml").write_text("mode: auto\n")
    facet = {"directory": tmp_path, "config": [tmp_path / "receiver.yml"]}
    postgres = {"url": "postgresql://127.0.0.1:1/shop"}
    target = Target.model_validate({"name": "db", "backup": facet, "postgres": postgres})
    tools = a_toolbox(programs=StandInPrograms())
    with pytest.raises(
        ActionFailed, match=r"^database: .*cannot be reached.*; db-config-"
    ) as caught:
        await BackupAction().run(an_effect(target), tools)
    assert caught.value.started
    assert [one.kind for one in listed(tmp_path, "db")] == [Kind.CONFIG]


async def test_what_there_is_nothing_for_is_said(tmp_path: Path) -> None:
    target = Target.model_validate({"name": "db", "backup": {"directory": tmp_path}})
    for kind, lacks in (
        ("database", "postgres:"),
        ("export", "postgres:"),
        ("redis", "backup.redis"),
    ):
        action = BackupAction.model_validate({"kind": kind})
        assert lacks in (action.objection(target) or "")


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """Nobody writes a file of more bytes meanwhile, as where a quota is used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_what_cannot_be_written_leaves_nothing_and_says_where_even_when_nothing_can_be_recorded(
    tmp_path: Path,
) -> None:
    ground = a_ground(tmp_path)
    before = await back_up(ground, Kind.CONFIG)
    (tmp_path / "receiver.yml").write_text(f"noise: {secrets.token_hex(4000)}")
    with small_files(100), pytest.raises(BackupError, match=r"/backups: File too large") as told:
        await back_up(ground, Kind.CONFIG)
    assert told.value.started
    assert there(ground) == {before.name}
    assert len(names_in(ground.facet.directory)) == 3
    assert read_record(ground.facet.directory, "db")["config"].ok  # it could not be written


async def test_what_is_no_file_is_no_configuration(tmp_path: Path) -> None:
    ground = a_ground(tmp_path)
    device = ground.facet.model_copy(update={"config": (Path("/dev/zero"),)})
    with pytest.raises(BackupError, match=r"there is no file in what `backup\.config` names"):
        await back_up(replace(ground, facet=device), Kind.CONFIG)


async def test_it_says_what_it_made_in_figures(tmp_path: Path) -> None:
    made = await back_up(a_ground(tmp_path), Kind.CONFIG)
    assert made.text == f"{made.name}: 0.0 MB in 0.0 s"
    rows = replace(made.manifest, tables={"public.a": 1200, "public.b": 34})
    many = replace(made, manifest=rows, size=12_345_678, seconds=3.21, pruned=2)
    assert many.text == (
        f"{made.name}: 1,234 rows in 2 tables, 12.3 MB in 3.2 s, 2 older ones let go"
    )


async def test_a_run_that_fails_is_seen_in_the_record_until_one_succeeds(tmp_path: Path) -> None:
    ground = a_ground(tmp_path)
    (tmp_path / "receiver.yml").write_text("a: [")
    with pytest.raises(BackupError):
        await back_up(ground, Kind.CONFIG)
    failed = read_record(ground.facet.directory, "db")["config"]
    assert (failed.ok, failed.attempt, failed.success) == (False, NOW, 0.0)
    (tmp_path / "receiver.yml").write_text("mode: auto\n")
    made = await back_up(ground, Kind.CONFIG)
    well = read_record(ground.facet.directory, "db")["config"]
    assert (well.ok, well.reason, well.file, well.size) == (True, "", made.name, made.size)


async def test_clearing_up_takes_what_is_old_of_every_kind_and_what_is_unfinished(
    tmp_path: Path,
) -> None:
    ground = a_ground(tmp_path, keep_last=1)
    made = await back_up(ground, Kind.CONFIG)
    old = {
        older(ground, days, kind=kind) for days in (50, 60) for kind in (Kind.CONFIG, Kind.EXPORT)
    }
    (ground.facet.directory / f"{file_name('db', Kind.REDIS, NOW)}.partial").write_text("x")
    gone = set(await clean_up(ground))
    assert gone == old - {file_name("db", Kind.EXPORT, NOW - 50 * DAY)}
    assert there(ground) == {made.name, file_name("db", Kind.EXPORT, NOW - 50 * DAY)}
    assert not any(name.endswith(".partial") for name in names_in(ground.facet.directory))


async def test_while_one_is_made_nothing_is_cleared_up(tmp_path: Path) -> None:
    ground = a_ground(tmp_path)
    with (
        alone(ground.facet.directory, "db"),
        pytest.raises(BackupError, match="is under way") as told,
    ):
        await clean_up(ground)
    assert not told.value.started


def test_a_target_without_a_database_is_said_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"db has no `postgres:` beside its `backup:`"):
        _ = a_ground(tmp_path).database


async def test_a_check_that_is_not_configured_is_not_asked(tmp_path: Path) -> None:
    http = StandInHttp()
    await back_up(a_ground(tmp_path, http), Kind.CONFIG)
    assert http.asked == []


async def test_a_run_that_is_called_off_is_a_failure_for_the_check(tmp_path: Path) -> None:
    http = StandInHttp()
    ground = a_ground(tmp_path, http, ping_url="http://hc.example/uuid/")
    work = asyncio.ensure_future(called_off(ground))
    await until(lambda: len(http.asked) == 1, "it began")
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    assert [one.url.partition("?")[0] for one in http.asked] == [
        "http://hc.example/uuid/start",
        "http://hc.example/uuid/fail",
    ]
    assert http.asked[-1].body == b"config of db"


async def called_off(ground: Ground) -> None:
    async with pinged(ground, Kind.CONFIG):
        await asyncio.Event().wait()
