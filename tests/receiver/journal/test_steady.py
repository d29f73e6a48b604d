from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.journal.engines import open_engine
from receiver.journal.steady import SLEW, SteadyClock
from tests.receiver.rig import START, HandClock

HOUR = 3600.0


def test_it_tells_the_time() -> None:
    own = HandClock()
    clock = SteadyClock(own)
    own.at += 10
    assert (clock.now(), clock.monotonic()) == (START + 10, START + 10)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_an_hour_that_somebody_sets_is_not_seen_at_once(jump: float) -> None:
    own = HandClock()
    clock = SteadyClock(own)
    own.set_by = jump
    assert clock.now() == START
    own.at += 10
    assert clock.now() == pytest.approx(START + 10, abs=10 * SLEW)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_in_the_end_it_is_what_the_machine_says(jump: float) -> None:
    own = HandClock()
    clock = SteadyClock(own)
    own.set_by = jump
    own.at += HOUR / SLEW + 1
    assert clock.now() == own.now()


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1e6, 1e6)), max_size=30))
def test_it_never_goes_back_and_never_much_faster_or_slower(
    moves: list[tuple[float, float]],
) -> None:
    own = HandClock()
    clock = SteadyClock(own)
    before = clock.now()
    for seconds, jump in moves:
        own.at += seconds
        own.set_by = jump
        passed = clock.now() - before
        assert passed == pytest.approx(seconds, abs=seconds * SLEW + 1e-4)
        assert passed >= -1e-6
        before += passed


async def test_a_receiver_with_a_file_lives_by_it(tmp_path: Path) -> None:
    own = HandClock()
    journal, clock = await open_engine("sqlite:journal.db", tmp_path, own)
    await journal.close()
    own.set_by = HOUR
    assert clock.now() == START
