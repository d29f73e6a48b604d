"""How PostgreSQL's own programs log in: by an address without the password, and a file that nobody else can read.

An argument is seen by everybody on the machine, and an environment by whoever has our user: neither ever holds it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

import psutil

from receiver.backups.base import BackupError

_PREFIX = "prunella-login-"
_SECRET_OPTIONS = frozenset({"password", "sslpassword", "passfile"})


@dataclass(frozen=True, slots=True)
class Login:
    """`address` is for the arguments, `environment` for the child."""

    address: str
    environment: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def login(url: str) -> Iterator[Login]:
    """Valid until the block ends; then the password is gone from the disk. Raises BackupError."""
    address, password = without_password(url)
    if password is None:
        yield Login(address)
        return
    folder = _folder()
    try:
        file = folder / "pass"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
            written.write(f"*:*:*:*:{_escaped(password)}\n")
        yield Login(address, {"PGPASSFILE": str(file)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def without_password(url: str) -> tuple[str, str | None]:
    """The address as libpq reads it, and the password that was in it."""
    parts = urlsplit(url)
    who, at, hosts = parts.netloc.rpartition("@")
    user, colon, given = who.partition(":")
    password = unquote(given) if colon else None
    kept = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "password":
            password = value
        if name not in _SECRET_OPTIONS:
            kept.append((name, value))
    # libpq decodes %20 and takes a + for itself
    query = urlencode(kept, quote_via=quote)
    return _joined(parts._replace(netloc=f"{user}{at}{hosts}", query=query)), password


def at_database(url: str, database: str) -> str:
    """The same server and user, another database."""
    return _joined(urlsplit(url)._replace(path=f"/{quote(database, safe='')}"))


def database_of(url: str) -> str:
    """The name of the database."""
    return unquote(urlsplit(url).path.removeprefix("/"))


def _joined(parts: SplitResult) -> str:
    """As libpq reads it, also without a host: `urlunsplit` leaves out the slashes then."""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}"


def _folder() -> Path:
    """Of our own, 0700; those that a killed receiver left are taken away on the way."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def _escaped(password: str) -> str:
    if "\n" in password or "\r" in password:
        raise BackupError(
            "a password with a line break cannot be given to pg_dump: change it", started=False
        )
    return password.replace("\\", "\\\\").replace(":", "\\:")
