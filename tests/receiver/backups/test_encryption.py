from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.encryption import readable
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.backups.restoring import plan, restore
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import (
    a_ground,
    a_shop,
    an_identity,
    everything,
    facet_of,
    names_in,
)
from tests.receiver.stand_ins import a_toolbox
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server


async def test_nobody_reads_it_without_the_identity_and_it_restores_with_it(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, store = a_shop(server, 20), tmp_path / "store"
    store.mkdir()
    recipient = an_identity(tmp_path / "key")
    ground = a_ground(server, name, store, encrypt_to=[recipient], identity_file=tmp_path / "key")
    made, before = await back_up(ground, Kind.DATABASE), everything(server, name)
    assert made.name.endswith(".dump.age")
    assert (store / made.name).read_bytes().startswith(b"age-encryption.org/v1")
    assert not [one for one in names_in(store) if one.endswith((".dump", ".partial"))]
    await prove(ground)
    server.sql(f"DROP DATABASE {name}")
    await restore(ground, await plan(ground, None, None, replace=False))
    assert everything(server, name) == before
    assert not [one for one in names_in(store) if one.endswith((".dump", ".partial"))]


async def test_another_key_is_said_and_leaves_nothing_readable(
    server: PostgresServer, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    recipient = an_identity(tmp_path / "key")
    an_identity(tmp_path / "other")
    name = a_shop(server, 5)
    await back_up(a_ground(server, name, store, encrypt_to=[recipient]), Kind.DATABASE)
    before = names_in(store)
    wrong = a_ground(server, name, store, identity_file=tmp_path / "other")
    with pytest.raises(BackupError, match="it is for another identity"):
        await prove(wrong)
    with pytest.raises(BackupError, match="without `identity_file`"):
        await prove(a_ground(server, name, store))
    with pytest.raises(BackupError, match="cannot be used"):
        await prove(a_ground(server, name, store, identity_file=tmp_path / "nowhere"))
    assert names_in(store) == before


async def test_without_the_identity_its_sum_is_checked(
    server: PostgresServer, tmp_path: Path
) -> None:
    recipient = an_identity(tmp_path / ".key")
    ground = a_ground(server, a_shop(server, 5), tmp_path, encrypt_to=[recipient])
    made = await back_up(ground, Kind.DATABASE)
    assert "nothing more can be told" in (await prove(ground, restore=False)).text
    assert not (tmp_path / f"{made.name}.verified").exists()


def a_config_ground(folder: Path, **keys: object) -> Ground:
    """Backs up one file, which needs no database."""
    (folder / "receiver.yml").write_text("mode: auto\n")
    store = folder / "store"
    store.mkdir(exist_ok=True)
    facet = facet_of(store, config=[folder / "receiver.yml"], **keys)
    return Ground("db", facet, None, a_toolbox(), 10.0)


async def test_a_recipient_with_a_typing_error_leaves_nothing_neither_plain_nor_encrypted(
    tmp_path: Path,
) -> None:
    right = an_identity(tmp_path / "key")
    wrong = right[:-1] + ("q" if right[-1] != "q" else "p")
    ground = a_config_ground(tmp_path, encrypt_to=[right, wrong])
    with pytest.raises(BackupError, match=r"cannot be encrypted: .*look at encrypt_to"):
        await back_up(ground, Kind.CONFIG)
    assert names_in(ground.facet.directory) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("AGE-SECRET-KEY-1JUNK\n", "holds no age identity"),
        ("", "cannot be decrypted"),
        ("# only a comment\n", "cannot be decrypted"),
    ],
)
async def test_a_file_without_an_identity_says_so_and_leaves_the_stamp(
    tmp_path: Path, text: str, why: str
) -> None:
    recipient = an_identity(tmp_path / "key")
    ground = a_config_ground(tmp_path, encrypt_to=[recipient], identity_file=tmp_path / "key")
    made = await back_up(ground, Kind.CONFIG)
    await prove(ground, made.name)
    (tmp_path / "key").write_text(text)
    with pytest.raises(BackupError, match=why) as told:
        await prove(ground, made.name)
    assert not isinstance(told.value, Disproved)
    assert f"{made.name}.verified" in names_in(ground.facet.directory)
    assert not [one for one in names_in(ground.facet.directory) if one.endswith(".partial")]


async def test_any_of_several_identities_reads_it(tmp_path: Path) -> None:
    recipients = [an_identity(tmp_path / name) for name in ("one", "two")]
    an_identity(tmp_path / "third")
    ground = a_config_ground(tmp_path, encrypt_to=recipients)
    made = await back_up(ground, Kind.CONFIG)
    keys = (tmp_path / "third").read_text() + (tmp_path / "two").read_text()
    (tmp_path / "keys").write_text(keys)
    facet = ground.facet.model_copy(update={"identity_file": tmp_path / "keys"})
    assert (await prove(replace(ground, facet=facet), made.name)).found == "1 files were read"


async def test_what_is_decrypted_is_ours_alone_and_gone_when_it_was_read(tmp_path: Path) -> None:
    recipient = an_identity(tmp_path / "key")
    ground = a_config_ground(tmp_path, encrypt_to=[recipient], identity_file=tmp_path / "key")
    path = ground.facet.directory / (await back_up(ground, Kind.CONFIG)).name
    async with readable(path, ground.facet) as plain:
        assert plain.stat().st_mode & 0o777 == 0o600
        assert plain.name.endswith(".partial")
    assert not plain.exists()


async def test_that_an_identity_is_missing_is_told_with_the_plan(
    server: PostgresServer, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    ground = a_ground(server, a_shop(server, 1), store, encrypt_to=[an_identity(tmp_path / "key")])
    made = await back_up(ground, Kind.DATABASE)
    with pytest.raises(BackupError, match=f"{made.name} is encrypted: .*--identity") as told:
        await plan(ground, None, None, replace=True)
    assert not told.value.started
