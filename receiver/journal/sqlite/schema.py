"""Opens the file: pragmas that make a commit durable, numbered migrations, and the lock that keeps a second one out."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from importlib.resources import files
from pathlib import Path

from receiver.journal import JournalInUse, JournalUnavailable

MIGRATIONS = ("sqlite-0001.sql",)


def connect(file: Path | None, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, migrated unless read-only; None for memory. Raises sqlite3.Error."""
    if file is not None:
        file.touch(mode=0o600)  # before SQLite makes it for everybody; the WAL takes its mode over
    connection = sqlite3.connect(
        ":memory:" if file is None else file,
        isolation_level=None,
        check_same_thread=False,
        timeout=5,
    )
    connection.row_factory = sqlite3.Row
    if read_only:
        connection.execute("PRAGMA query_only=ON")
        return connection
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    _migrate(connection)
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    have = connection.execute("PRAGMA user_version").fetchone()[0]
    if have > len(MIGRATIONS):
        raise JournalUnavailable(
            f"the journal has schema {have}, this program knows {len(MIGRATIONS)}: run the newer program"
        )
    for number, name in enumerate(MIGRATIONS[have:], start=have + 1):
        script = files("receiver.journal.schema").joinpath(name).read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version={number}; COMMIT")
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('name', ?)", (secrets.token_hex(4),))


class FileLock:
    """Held for the life of the process on `<journal>.lock`; the system frees it whatever kills the process."""

    def __init__(self, journal: Path) -> None:
        path = journal.with_name(journal.name + ".lock")
        try:
            journal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalUnavailable(
                f"cannot open {path}: {error.strerror}; give `journal:` a folder that this user may write"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise JournalInUse(
                f"another receiver already uses {journal}: two would act twice; stop it, or give this one its own file"
            ) from error

    def release(self) -> None:
        """Lets the next one in."""
        os.close(self._descriptor)
