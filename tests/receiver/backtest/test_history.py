from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from receiver.backtest.history import heard, stretches
from receiver.webhook import decode
from tests.receiver.backtest.builders import starts, wrong

STEP = 60.0
LABELS = {"alertname": "A"}


def spans(times: list[float], end: float = 1e6) -> list[tuple[float, float | None]]:
    return [(one.begins, one.ends) for one in stretches(LABELS, times, STEP, end)]


def test_no_sample_is_no_stretch() -> None:
    assert spans([]) == []


def test_a_stretch_ends_where_its_first_sample_is_missing() -> None:
    assert spans([60.0, 120.0, 300.0]) == [(60.0, 180.0), (300.0, 360.0)]


def test_what_fires_at_the_last_look_has_no_end() -> None:
    assert spans([60.0, 120.0], end=150.0) == [(60.0, None)]


@given(st.sets(st.integers(0, 200)))
def test_stretches_cover_exactly_the_samples(moments: set[int]) -> None:
    found = spans([moment * STEP for moment in sorted(moments)])
    covered = {
        moment
        for begins, ends in found
        for moment in range(int(begins / STEP), int((ends or 0) / STEP))
    }
    assert covered == moments
    assert all(one[1] != other[0] for one in found for other in found)


def test_an_end_is_heard_before_what_begins_at_the_same_moment() -> None:
    told = heard([wrong(60, None, "cache"), wrong(0, 1)])
    assert [status for _, status in starts(told)] == ["firing", "resolved", "firing"]


def test_what_is_told_is_a_delivery() -> None:
    told = heard([wrong(0, 1)])
    body = json.dumps({"version": "4", "alerts": [one.alert for one in told]}).encode()
    first, second = decode(body, "test").observations
    assert (first.fingerprint, first.ends_at) == (second.fingerprint, None)
    assert (second.starts_at, second.ends_at) == (told[0].at, told[1].at)
