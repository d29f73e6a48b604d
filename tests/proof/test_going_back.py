"""kill -9 at the points of a rollback: the other version proven, or the one before restored, never half."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof.every_point import ALL, TIMEOUT, at_every_point, database, file
from tests.proof.going_back import SITES, rolled_back
from tests.servers.postgres import postgres_server

SAMPLE, SAMPLE_ON_POSTGRES = 9, 3

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(TIMEOUT)]


async def test_i4_a_rollback_that_is_killed_at_any_point_is_never_left_half_way(
    tmp_path: Path,
) -> None:
    await at_every_point(rolled_back, sorted(SITES), tmp_path, file, SAMPLE)


async def test_nor_is_it_on_postgresql(tmp_path: Path) -> None:
    sites = sorted(SITES) if ALL else ["link in vain"]
    with postgres_server() as cluster:
        await at_every_point(
            rolled_back, sites, tmp_path, lambda: database(cluster), SAMPLE_ON_POSTGRES
        )
