"""Which engine stands behind the config's `journal:`, and whose clock is the receiver's then."""

from __future__ import annotations

from pathlib import Path

from prunella.service.clock import Clock
from receiver.journal import Journal, JournalUnavailable
from receiver.journal.sqlite import open_journal
from receiver.journal.steady import SteadyClock
from receiver.postgres_url import CURE, SCHEMES, is_whole


def mistake_in(where: str) -> str | None:
    """What is wrong with a `journal:`, without repeating it: it may hold a password."""
    if where.startswith(SCHEMES):
        return None if is_whole(where) else f"say {CURE}"
    if not where.startswith("sqlite:") or where in {"sqlite:", "sqlite://", "sqlite:///"}:
        return (
            "say sqlite:FILE (relative to this file), sqlite:///absolute/path, or for several receivers"
            " postgresql://USER:PASSWORD@HOST/DATABASE; nothing else is known"
        )
    return None


def sqlite_file(where: str, folder: Path) -> Path:
    """The SQLite file; a relative one lies beside the config."""
    path = where.removeprefix("sqlite:")
    return Path(path.removeprefix("//")) if path.startswith("///") else folder / path


async def open_engine(where: str, folder: Path, clock: Clock) -> tuple[Journal, Clock]:
    """The journal and the clock to live by: ours without its jumps, or the one that all who share it live by.

    Raises JournalInUse or JournalUnavailable.
    """
    if not where.startswith(SCHEMES):
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
