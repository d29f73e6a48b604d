"""Opens the file: pragmas that make a commit durable, numbered migrations, and the lock that keeps a second one out."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from prunella.logs import create_logger
from receiver.journal import JournalInUse, JournalUnavailable

MIGRATIONS = (
    "sqlite-0001.sql",
    "sqlite-0002.sql",
    "sqlite-0003.sql",
    "sqlite-0004.sql",
    "sqlite-0005.sql",
    "sqlite-0006.sql",
    "sqlite-0007.sql",
    "sqlite-0008.sql",
    "sqlite-0009.sql",
    "sqlite-0010.sql",
    "sqlite-0011.sql",
    "sqlite-0012.sql",
    "sqlite-0013.sql",
    "sqlite-0014.sql",
    "sqlite-0015.sql",
)

REMADE_MOST = 256 * 1024 * 1024
CURE = "sqlite3 journal.db 'PRAGMA auto_vacuum=2; VACUUM'"
log = create_logger("prunella.receiver.journal")


def create(file: Path) -> None:
    """Makes the file before SQLite makes it for everybody to read; the WAL takes its mode over. Raises OSError."""
    file.touch(mode=0o600)


def connect(file: Path | None, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, migrated unless read-only; None for memory. A file that is not there is not
    made. Raises sqlite3.Error or JournalUnavailable."""
    connection = sqlite3.connect(
        ":memory:" if file is None else f"file:{quote(str(file.absolute()))}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=1,
        cached_statements=512,
    )
    connection.row_factory = sqlite3.Row
    try:
        _prepare(connection, read_only=read_only)
    except (sqlite3.Error, JournalUnavailable):
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, *, read_only: bool) -> None:
    if read_only:
        connection.execute("PRAGMA query_only=ON")
        return
    _make_shrinkable(connection)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA temp_store=MEMORY")
    _migrate(connection)


def _make_shrinkable(connection: sqlite3.Connection) -> None:
    """Free pages can be given back one by one only if the file was made so; an older one is made anew, if it is small."""
    pages, size, shrinkable = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "page_size", "auto_vacuum")
    )
    if shrinkable:
        return
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    if not pages:
        return
    if pages * size > REMADE_MOST:
        log.warning("an old journal cannot shrink: stop the receiver and run the cure", cure=CURE)
        return
    with suppress(sqlite3.OperationalError):  # no room for a copy: it goes on as it is
        connection.execute("VACUUM")


class Identity:
    """Which file it was when the receiver started.

    SQLite goes on writing to a file that was deleted or moved away, and what is acknowledged there is lost. A new file
    in its place would have forgotten what was done in the last hour, and with it the limits: both are refused.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._was = self._now()

    def check(self) -> None:
        """Raises JournalUnavailable when the file is not where and what it was."""
        if self._now() != self._was:
            raise JournalUnavailable(
                f"{self._file} was replaced by another file: put the old one back, or restart the receiver"
            )

    def _now(self) -> tuple[int, int]:
        try:
            found = self._file.stat()
        except OSError as error:
            raise JournalUnavailable(
                f"{self._file} is gone ({error.strerror}): put it back, or restart the receiver to begin a new one"
            ) from error
        return found.st_dev, found.st_ino


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
        """Lets the next one in; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
