from __future__ import annotations

from typing import Any

import pytest
from asyncpg import ServerVersion

from exporter.kept import NoAnswerError
from exporter.lines import RoundTrips
from exporter.postgres.snapshot import OLDEST, Observer


class Ancient:
    """A connection that may be asked for nothing but its server's version."""

    def get_server_version(self) -> ServerVersion:
        return ServerVersion(OLDEST - 1, 0, 23, "final", 0)


async def test_a_server_too_old_to_be_asked_is_said_to_be_that() -> None:
    observer, connection = Observer(RoundTrips("query", (1.0,))), Ancient()
    asked: Any = connection
    with pytest.raises(NoAnswerError, match="PostgreSQL 10 is older than 11"):
        await observer.snapshot(asked)
