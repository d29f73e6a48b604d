from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from prunella.timestamps import timestamp


def test_it_is_written_to_the_millisecond_in_utc() -> None:
    assert timestamp(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"


def test_it_may_be_written_to_the_second() -> None:
    assert timestamp(1_700_000_000, "seconds") == "2023-11-14T22:13:20Z"


@given(st.integers(0, 4_000_000_000_000))
def test_it_reads_back_as_the_same_millisecond(milliseconds: int) -> None:
    read = datetime.fromisoformat(timestamp(milliseconds / 1000))
    assert abs(read.timestamp() * 1000 - milliseconds) <= 1
