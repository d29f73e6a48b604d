"""Which engine stands behind the config's `journal:`, and whose clock is the receiver's then."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from prunella.service.clock import Clock
from receiver.journal import Journal, JournalUnavailable
from receiver.journal.sqlite import open_journal
from receiver.journal.steady import SteadyClock

# a name or an address, perhaps none (its socket is in the options then), and perhaps a port
_HOST = re.compile(r"([^][:@%\s]*|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?")
_POSTGRES = ("postgresql://", "postgres://")


def mistake_in(where: str) -> str | None:
    """What is wrong with a `journal:`, without repeating it: it may hold a password."""
    if where.startswith(_POSTGRES):
        return _mistake_in_url(where)
    if not where.startswith("sqlite:") or where in {"sqlite:", "sqlite://", "sqlite:///"}:
        return (
            "say sqlite:FILE (relative to this file), sqlite:///absolute/path, or for several receivers"
            " postgresql://USER:PASSWORD@HOST/DATABASE; nothing else is known"
        )
    return None


def _mistake_in_url(url: str) -> str | None:
    if _is_whole(url):
        return None
    return (
        "say postgresql://USER:PASSWORD@HOST/DATABASE, with every character of the password that means"
        " something in a URL (@ : / ? # %) written as %40 and so on"
    )


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are not closed
        return False
    hosts = parts.netloc.rpartition("@")[2].split(",")  # several, for a server with stand-bys
    return len(parts.path) > 1 and "/" not in parts.path[1:] and all(map(_HOST.fullmatch, hosts))


def sqlite_file(where: str, folder: Path) -> Path:
    """The SQLite file; a relative one lies beside the config."""
    path = where.removeprefix("sqlite:")
    return Path(path.removeprefix("//")) if path.startswith("///") else folder / path


async def open_engine(where: str, folder: Path, clock: Clock) -> tuple[Journal, Clock]:
    """The journal and the clock to live by: ours without its jumps, or the one that all who share it live by.

    Raises JournalInUse or JournalUnavailable.
    """
    if not where.startswith(_POSTGRES):
        steady = SteadyClock(clock)
        return await open_journal(sqlite_file(where, folder), steady.now()), steady
    try:
        from receiver.journal import postgres  # noqa: PLC0415 - one receiver with a file needs no driver
    except ImportError as error:
        raise JournalUnavailable(
            "PostgreSQL needs asyncpg: pip install 'prunella[postgres]'"
        ) from error
    shared = await postgres.open_journal(where, clock)
    return shared, shared.clock
