from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.buckets import opened
from receiver.backups.facet import Bucket
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.backups.record import read_record
from receiver.backups.restoring import plan, restore
from receiver.backups.showing import as_json, away, look
from receiver.backups.stores import elsewhere_listed
from receiver.backups.uploads import Upload
from receiver.cli.backups_here import table
from receiver.decide.backups import Kind, file_name
from tests.receiver.backups.shops import a_ground, a_shop, everything, facet_of, instead, names_in
from tests.receiver.stand_ins import SteppedClock, a_toolbox
from tests.servers.postgres import PostgresServer
from tests.servers.process import until
from tests.servers.s3 import SECRET, S3Server, s3_server, seaweed_server

pytestmark = pytest.mark.server
NOW = 1_780_000_000.0
MIB = 1 << 20


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with s3_server() as found:
        yield found


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[S3Server]:
    with seaweed_server() as found:
        yield found


@pytest.fixture(params=["moto", "seaweedfs"])
def s3(request: pytest.FixtureRequest) -> S3Server:
    """Two that have nothing in common but what they speak."""
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def one(s3: S3Server) -> str:
    return await s3.make()


@pytest.fixture
async def two(s3: S3Server) -> str:
    return await s3.make()


def a_config_ground(folder: Path, *buckets: dict[str, object], **keys: object) -> Ground:
    """Backs up one file, which needs no database."""
    (folder / "receiver.yml").write_text("mode: auto\n")
    store = folder / "backups"
    store.mkdir(exist_ok=True)
    facet = facet_of(store, config=[folder / "receiver.yml"], s3=list(buckets), **keys)
    return Ground("db", facet, None, a_toolbox(clock=SteppedClock(NOW)), 10.0)


def lose(folder: Path) -> None:
    """As when the machine is another one."""
    for left in folder.iterdir():
        left.unlink()


async def test_it_is_in_every_bucket_with_all_that_lies_beside_it(
    s3: S3Server, tmp_path: Path, one: str, two: str
) -> None:
    ground = a_config_ground(tmp_path, s3.bucket(one, prefix="a/b/"), s3.bucket(two))
    made = await back_up(ground, Kind.CONFIG)
    endings = ("", ".manifest.json", ".sha256")
    assert await s3.keys(one) == [f"a/b/{made.name}{ending}" for ending in endings]
    assert await s3.keys(two) == [f"{made.name}{ending}" for ending in endings]
    await prove(ground, made.name)
    assert f"{made.name}.verified" in await s3.keys(two)
    listed = await elsewhere_listed(ground)
    assert [len(found) for _, found, _ in listed] == [1, 1]
    assert all(found[0].verified_at > 0 for _, found, _ in listed)


async def test_a_machine_that_has_nothing_left_restores_from_the_bucket(
    server: PostgresServer, s3: S3Server, tmp_path: Path, one: str
) -> None:
    name = a_shop(server, 100)
    ground = a_ground(server, name, tmp_path, s3=s3.bucket(one))
    made, before = await back_up(ground, Kind.DATABASE), everything(server, name)
    lose(tmp_path)
    server.sql(f"DROP DATABASE {name}")
    await restore(ground, await plan(ground, None, None, replace=False))
    assert everything(server, name) == before
    assert made.name in names_in(tmp_path)


async def test_a_drill_proves_the_copy_that_is_away(
    server: PostgresServer, s3: S3Server, tmp_path: Path, one: str
) -> None:
    ground = a_ground(server, a_shop(server, 10), tmp_path, s3=s3.bucket(one))
    made = await back_up(ground, Kind.DATABASE)
    assert (await prove(ground, away=True)).name == made.name
    await s3.spoil(one, made.name)
    with pytest.raises(BackupError, match="is not what was written"):
        await prove(ground, away=True)
    await prove(ground)
    assert names_in(tmp_path, hidden=".drill-") == []


async def test_buckets_are_pruned_by_the_same_rule(s3: S3Server, tmp_path: Path, one: str) -> None:
    ground = a_config_ground(tmp_path, s3.bucket(one), keep="1d", keep_last=1)
    older = ground.facet.directory / file_name("db", Kind.CONFIG, NOW - 90 * 86400)
    made = await back_up(ground, Kind.CONFIG)
    for ending in ("", ".sha256", ".manifest.json"):
        shutil.copy(ground.facet.directory / f"{made.name}{ending}", f"{older}{ending}")
    async with opened(ground.facet.s3[0]) as store:
        await store.put(older)
    again = await back_up(ground, Kind.CONFIG)
    assert again.pruned == 2
    assert not [key for key in await s3.keys(one) if key.startswith(older.name)]
    assert made.name in await s3.keys(one)


async def test_a_bucket_that_is_gone_leaves_the_copy_here_and_says_so(
    s3: S3Server, tmp_path: Path, two: str
) -> None:
    ground = a_config_ground(tmp_path, s3.bucket("gone"), s3.bucket(two))
    with pytest.raises(
        BackupError,
        match=r"whole in .* but not everywhere: s3://gone/: .*(is not there|no such bucket)",
    ):
        await back_up(ground, Kind.CONFIG)
    names = [name for name in names_in(ground.facet.directory) if name.endswith(".zst")]
    assert len(names) == 1
    assert names[0] in await s3.keys(two)
    runs = read_record(ground.facet.directory, "db")["config"]
    assert not runs.ok
    assert SECRET not in runs.reason


async def test_a_service_that_is_not_there_is_said_without_its_keys(tmp_path: Path) -> None:
    bucket = {"bucket": "b", "endpoint_url": "http://127.0.0.1:1", "secret_access_key": SECRET}
    ground = a_config_ground(tmp_path, {**bucket, "access_key_id": "AKIA", "timeout": "1s"})
    with pytest.raises(BackupError, match="s3://b/ cannot be reached") as caught:
        await back_up(ground, Kind.CONFIG)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"secret_access_key": "c4nary-other"}, "is not the one of `access_key_id`"),
        ({"access_key_id": "AKIAother"}, "does not know `access_key_id`"),
    ],
    ids=["secret", "id"],
)
async def test_keys_that_are_wrong_are_said_and_not_shown(
    seaweedfs: S3Server, tmp_path: Path, wrong: dict[str, str], why: str
) -> None:
    name = await seaweedfs.make()
    ground = a_config_ground(tmp_path, seaweedfs.bucket(name, **wrong))
    with pytest.raises(BackupError, match=why) as caught:
        await back_up(ground, Kind.CONFIG)
    assert "c4nary" not in str(caught.value)
    assert await seaweedfs.keys(name) == []


async def test_a_copy_that_is_spoiled_loses_its_stamp_in_every_bucket(
    server: PostgresServer, s3: S3Server, tmp_path: Path, one: str, two: str
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path, s3=[s3.bucket(one), s3.bucket(two)])
    made = await back_up(ground, Kind.DATABASE)
    await prove(ground, away=True)
    stamp = f"{made.name}.verified"
    assert stamp in names_in(tmp_path)
    for bucket in (one, two):
        assert stamp in await s3.keys(bucket)
        await s3.spoil(bucket, made.name)
    with pytest.raises(Disproved, match=r"could not be fetched: .*is not what was written"):
        await prove(ground, away=True)
    for bucket in (one, two):
        assert stamp not in await s3.keys(bucket)
    assert stamp not in names_in(tmp_path)


async def test_a_drill_on_a_machine_that_has_nothing_is_recorded_and_stamped_where_the_copy_is(
    server: PostgresServer, s3: S3Server, tmp_path: Path, one: str
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path, s3=s3.bucket(one))
    made = await back_up(ground, Kind.DATABASE)
    lose(tmp_path)
    await prove(ground, away=True)
    assert f"{made.name}.verified" in await s3.keys(one)
    assert names_in(tmp_path) == []
    runs = read_record(tmp_path, "db")["database"]
    assert (runs.verify_ok, runs.verified_file) == (True, made.name)


async def test_a_bucket_that_is_gone_fails_the_drill_and_leaves_the_stamp(
    server: PostgresServer, s3: S3Server, tmp_path: Path, one: str
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path, s3=s3.bucket(one))
    made = await back_up(ground, Kind.DATABASE)
    await prove(ground)
    gone = ground.facet.s3[0].model_copy(update={"bucket": "gone"})
    lost = replace(ground, facet=ground.facet.model_copy(update={"s3": (gone,)}))
    with pytest.raises(BackupError, match="there is no backup of the database of db"):
        await prove(lost, away=True)
    assert f"{made.name}.verified" in names_in(tmp_path)
    assert not read_record(tmp_path, "db")["database"].verify_ok


async def test_a_stamp_that_a_bucket_keeps_does_not_hide_what_was_found_wrong(
    s3: S3Server, tmp_path: Path, one: str
) -> None:
    ground = a_config_ground(tmp_path, s3.bucket(one))
    made = await back_up(ground, Kind.CONFIG)
    await prove(ground, made.name)
    gone = ground.facet.s3[0].model_copy(update={"bucket": "gone"})
    lost = replace(ground, facet=ground.facet.model_copy(update={"s3": (gone,)}))
    (ground.facet.directory / made.name).write_bytes(b"spoiled")
    with pytest.raises(Disproved, match="is not what was written"):
        await prove(lost, made.name)
    assert f"{made.name}.verified" not in names_in(ground.facet.directory)
    assert f"{made.name}.verified" in await s3.keys(one)


async def test_what_was_taken_away_in_the_bucket_is_no_trouble(
    s3: S3Server, tmp_path: Path, one: str
) -> None:
    ground = a_config_ground(tmp_path, s3.bucket(one))
    async with opened(ground.facet.s3[0]) as store:
        await store.remove_beside("nothing.verified")
        await store.remove("nothing")
        assert await store.listed("db") == ()


async def test_a_directory_is_carried_and_fetched_member_by_member(
    server: PostgresServer, s3: S3Server, tmp_path: Path, one: str
) -> None:
    name = a_shop(server, 100)
    ground = a_ground(server, name, tmp_path, jobs=2, s3=s3.bucket(one, prefix="x/"))
    made, before = await back_up(ground, Kind.DATABASE), everything(server, name)
    assert f"x/{made.name}/toc.dat" in await s3.keys(one)
    shutil.rmtree(tmp_path / made.name)
    lose(tmp_path)
    server.sql(f"DROP DATABASE {name}")
    await restore(ground, await plan(ground, None, None, replace=False))
    assert everything(server, name) == before


async def test_parts_are_sent_while_the_file_is_written_and_its_head_at_the_end(
    s3: S3Server, tmp_path: Path, one: str
) -> None:
    place = Bucket.model_validate(s3.bucket(one))
    file = tmp_path / "dump"
    file.write_bytes(b"head" + b"a" * (16 * MIB))
    async with opened(place) as store:
        upload = store.upload("dump")
        assert isinstance(upload, Upload)
        following = asyncio.ensure_future(upload.follow(file))
        await until(lambda: upload.early == 2, "two parts are there")
        following.cancel()
        # the head is written last, and a part that was sent has changed
        with file.open("r+b") as again:
            again.write(b"HEAD")
            again.seek(6 * MIB)
            again.write(b"changed")
        await store.put(file, upload)
        answer = await store.client.get_object(Bucket=one, Key="dump")
        assert await answer["Body"].read() == file.read_bytes()
    assert await s3.unfinished(one) == 0


FAILS_LATE = """
    for word; do case $word in --file=*) head -c 12582912 /dev/zero >"${{word#--file=}}";; esac; done
    while [ -e {gate} ]; do sleep 0.05; done
    echo "pg_dump: error: out of luck" >&2; exit 1
"""


async def test_what_was_sent_of_a_backup_that_failed_is_given_up(
    server: PostgresServer, s3: S3Server, tmp_path: Path, one: str
) -> None:
    gate = tmp_path / ".gate"
    gate.touch()
    ground = a_ground(server, a_shop(server, 1), tmp_path, s3=s3.bucket(one))
    late = instead(ground, "pg_dump", tmp_path / ".late", FAILS_LATE.format(gate=gate))
    made = asyncio.ensure_future(back_up(late, Kind.DATABASE))

    async def begun() -> bool:
        return await s3.unfinished(one) == 1

    await until(begun, "parts are sent")
    gate.unlink()
    with pytest.raises(BackupError, match="out of luck"):
        await made
    assert await s3.keys(one) == []
    assert await s3.unfinished(one) == 0


async def test_what_is_away_is_listed_or_it_is_said_why_not(
    s3: S3Server, tmp_path: Path, one: str
) -> None:
    ground = a_config_ground(tmp_path, s3.bucket(one))
    made = await back_up(ground, Kind.CONFIG)
    gone = ground.facet.s3[0].model_copy(update={"bucket": "gone"})
    facet = ground.facet.model_copy(update={"s3": (*ground.facet.s3, gone)})
    there, nowhere = await away("db", facet, None, ground.tools)
    assert isinstance(there["backups"], list)
    assert [row["name"] for row in there["backups"]] == [made.name]
    assert "the bucket is not there" in str(nowhere["problem"])
    said = table(
        {"targets": [{**as_json("db", facet, look("db", facet, None)), "away": [there, nowhere]}]}
    )
    assert said.count(made.name) == 2
