from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.journal.sqlite import SqliteJournal, open_journal
from tests.receiver.builders import NOW


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    opened = await open_journal(tmp_path / "journal.db", NOW)
    yield opened
    await opened.close()
