from __future__ import annotations

from pathlib import Path

import pytest

from receiver.backups.base import BackupError
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.backups.restoring import plan, restore
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import a_ground, a_shop, an_identity, everything, names_in
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
