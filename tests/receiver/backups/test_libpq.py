"""A password is in no argument and no environment, and libpq reads the address as we do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.backups.base import BackupError
from receiver.backups.libpq import at_database, database_of, login, without_password
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.decide.backups import Kind
from receiver.stores.postgres_store import PostgresFacet
from tests.receiver.backups.shops import a_ground
from tests.servers.postgres import PASSWORD, PostgresServer, binary

WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)


@given(WORDS, WORDS)
def test_whatever_the_password_it_is_taken_out_as_it_is(user: str, password: str) -> None:
    url = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@h:5432/shop"
    address, found = without_password(url)
    assert (address, found) == (f"postgresql://{quote(user, safe='')}@h:5432/shop", password)


@pytest.mark.parametrize(
    ("url", "address", "password"),
    [
        ("postgresql://h/shop", "postgresql://h/shop", None),
        ("postgresql://u@h/shop", "postgresql://u@h/shop", None),
        ("postgresql://u:@h/shop", "postgresql://u@h/shop", ""),
        ("postgresql://u@h/shop?password=x%20y", "postgresql://u@h/shop", "x y"),
        (
            "postgresql://u@h/shop?sslmode=require&password=x&application_name=a%20b",
            "postgresql://u@h/shop?sslmode=require&application_name=a%20b",
            "x",
        ),
        ("postgresql://u@h/shop?passfile=/x&sslpassword=y", "postgresql://u@h/shop", None),
        ("postgresql://u:x@a:1,b:2/shop", "postgresql://u@a:1,b:2/shop", "x"),
        ("postgresql:///shop?host=/run/pg", "postgresql:///shop?host=%2Frun%2Fpg", None),
    ],
)
def test_wherever_it_stands_it_is_not_in_the_address(
    url: str, address: str, password: str | None
) -> None:
    assert without_password(url) == (address, password)


@given(WORDS)
def test_a_database_of_any_name_is_found_again(name: str) -> None:
    url = at_database("postgresql://u@h:1/shop?sslmode=require", name)
    assert database_of(url) == name
    assert url.endswith("?sslmode=require")


def test_the_file_is_ours_alone_and_gone_at_the_end() -> None:
    with login(r"postgresql://u:a%3Ab%5Cc@h/shop") as known:
        file = Path(known.environment["PGPASSFILE"])
        assert file.read_text() == "*:*:*:*:a\\:b\\\\c\n"
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
        assert "a" not in known.address.partition("@")[0].removeprefix("postgresql://u")
    assert not file.parent.exists()


def test_without_a_password_there_is_no_file() -> None:
    with login("postgresql://u@h/shop") as known:
        assert known.environment == {}


def test_a_password_that_no_file_can_hold_is_said() -> None:
    with pytest.raises(BackupError, match="line break") as told, login("postgresql://u:a%0Ab@h/x"):
        pass
    assert not told.value.started


def test_what_a_killed_receiver_left_is_taken_away_and_what_a_living_one_uses_stays() -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    left = Path(tempfile.mkdtemp(prefix=f"prunella-login-{dead}-"))
    used = Path(tempfile.mkdtemp(prefix=f"prunella-login-{os.getppid()}-"))
    try:
        with login("postgresql://u:x@h/shop"):
            assert (left.exists(), used.exists()) == (False, True)
    finally:
        used.rmdir()


@pytest.mark.server
def test_psql_logs_in_with_it(server: PostgresServer) -> None:
    with login(server.url("postgres")) as known:
        assert PASSWORD not in known.address
        argv = [str(binary("psql")), "-XAtw", "-d", known.address, "-c", "SELECT current_user"]
        environment = {**os.environ, **known.environment}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "prunella"


@pytest.mark.server
async def test_a_server_that_is_reached_by_its_socket_is_backed_up_and_drilled(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = server.database()
    server.sql("CREATE TABLE one AS SELECT 1 AS x", name)
    url = f"postgresql:///{name}?host={server.folder}&port={server.port}&user=postgres"
    postgres = PostgresFacet.model_validate({"url": url})
    ground = replace(a_ground(server, name, tmp_path), postgres=postgres)
    await back_up(ground, Kind.DATABASE)
    assert (await prove(ground)).rows == 1
