from __future__ import annotations

import asyncio

import pytest

from exporter.collectors.base import World, ahead_of


@pytest.mark.parametrize(("seconds", "kept"), [(10.0, 0.25), (2.5, 0.25), (1.0, 0.1), (0.2, 0.02)])
async def test_a_target_is_given_up_a_little_before_the_scrape(seconds: float, kept: float) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    assert deadline - ahead_of(deadline) == pytest.approx(kept, rel=0.05)


async def test_a_deadline_in_the_past_gives_no_time() -> None:
    now = asyncio.get_running_loop().time()
    assert ahead_of(now) == pytest.approx(now, abs=0.01)


def test_chance_is_a_share_of_one() -> None:
    drawn = {World().jitter() for _ in range(100)}
    assert all(0 <= share < 1 for share in drawn)
    assert len(drawn) > 90
