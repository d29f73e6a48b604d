"""The crash sweep: each scenario is told once to count its points, and then once for each with a death there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof.every_point import TIMEOUT, at_every_point, database, file
from tests.proof.sweep import SCENARIOS, told
from tests.servers.postgres import postgres_server

SAMPLE = 15

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(TIMEOUT)]


async def test_a_receiver_that_is_killed_at_any_point_brings_it_to_its_end_on_sqlite(
    tmp_path: Path,
) -> None:
    await at_every_point(told, SCENARIOS, tmp_path, file, SAMPLE)


async def test_a_receiver_that_is_killed_at_any_point_brings_it_to_its_end_on_postgresql(
    tmp_path: Path,
) -> None:
    with postgres_server() as cluster:
        await at_every_point(told, SCENARIOS, tmp_path, lambda: database(cluster), SAMPLE)
