from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from prunella.service.clock import SystemClock
from receiver.journal import JournalUnavailable
from receiver.journal.engines import mistake_in, open_engine, sqlite_file
from receiver.journal.postgres import PostgresJournal
from receiver.journal.postgres.clock import DatabaseClock
from receiver.journal.sqlite import SqliteJournal
from receiver.journal.steady import SteadyClock
from receiver.settings import ReceiverSettings
from tests.receiver.journal.places import PostgresPlace
from tests.servers.ports import free_port
from tests.servers.postgres import ENCODED, PASSWORD


@pytest.mark.parametrize(
    ("said", "file"),
    [
        ("sqlite:x.db", "/etc/prunella/x.db"),
        ("sqlite:var/x.db", "/etc/prunella/var/x.db"),
        ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
    ],
)
def test_a_relative_journal_lies_beside_the_config(said: str, file: str) -> None:
    assert sqlite_file(said, Path("/etc/prunella")) == Path(file)


@pytest.mark.parametrize(
    "said",
    [
        "postgresql://ann:secret@db.example:5432/prunella",
        "postgres://db/prunella?sslmode=verify-full",
        "postgresql:///prunella?host=/run/postgresql",
        "postgresql://ann:s%40cre%2Ft@a.example:5432,[::1]:5433/prunella?target_session_attrs=read-write",
        "sqlite:x.db",
    ],
)
def test_what_is_known_is_no_mistake(said: str) -> None:
    assert mistake_in(said) is None
    assert ReceiverSettings.model_validate({"journal": said}).journal.get_secret_value() == said


@pytest.mark.parametrize(
    "said",
    [
        "postgresql://ann:s#cre@db/prunella",
        "postgresql://ann:scre/t@db/prunella",
        "postgresql://ann:scret@db",
        "postgresql://ann:scret@db:port/prunella",
        "postgresql://[::1/prunella",
        "postgresql://ann:scret@db/",
        "mysql://ann:scret@db/prunella",
        "sqlite:",
        "",
    ],
)
def test_a_mistake_is_told_with_the_cure_and_without_the_secret(said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ReceiverSettings.model_validate({"journal": said})
    text = str(caught.value)
    assert "postgresql://USER:PASSWORD@HOST/DATABASE" in text
    assert "cre" not in text.replace("secret", "")


def test_a_password_is_in_no_representation_and_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://ann:hunter2@db/prunella\n")
    found = ReceiverSettings.model_validate({"journal_file": "url"}, context={"folder": tmp_path})
    assert found.journal.get_secret_value() == "postgresql://ann:hunter2@db/prunella"
    assert "hunter2" not in repr(found) + found.model_dump_json()


async def test_a_file_is_opened_with_our_own_clock(tmp_path: Path) -> None:
    clock = SystemClock()
    journal, lived_by = await open_engine("sqlite:x.db", tmp_path, clock)
    assert isinstance(journal, SqliteJournal)
    assert isinstance(lived_by, SteadyClock)
    await journal.close()


async def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://ann:{ENCODED}@127.0.0.1:{free_port()}/prunella"
    with pytest.raises(JournalUnavailable, match=r"127\.0\.0\.1:\d+/prunella") as caught:
        await open_engine(url, tmp_path, SystemClock())
    assert PASSWORD not in str(caught.value)
    assert ENCODED not in str(caught.value)


@pytest.mark.server
async def test_a_server_is_opened_with_its_clock(
    on_postgres: PostgresPlace, tmp_path: Path
) -> None:
    journal, lived_by = await open_engine(on_postgres.url, tmp_path, SystemClock())
    assert isinstance(journal, PostgresJournal)
    assert isinstance(lived_by, DatabaseClock)
    await journal.close()


@pytest.mark.server
async def test_a_wrong_password_is_said_and_not_shown(on_postgres: PostgresPlace) -> None:
    url = on_postgres.url.replace(ENCODED, "wr0ng-secret")
    with pytest.raises(JournalUnavailable, match="password authentication failed") as caught:
        await open_engine(url, Path(), SystemClock())
    assert "wr0ng-secret" not in str(caught.value)
