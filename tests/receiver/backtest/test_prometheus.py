from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.backtest.history import HistoryError
from receiver.backtest.prometheus import MOST_BYTES, PrometheusHistory, slices
from receiver.backtest.replay import Span
from receiver.tools import OutsideError, Response

METRIC = {"__name__": "ALERTS", "alertstate": "firing", "alertname": "A", "service": "shop"}


@dataclass
class ToldRange:
    """Prometheus' query_range over these moments; what is longer than `most` looks is too large an answer."""

    moments: set[float] = field(default_factory=set)
    most: float = 1e9
    answer: object = None
    error: OutsideError | None = None
    asked: list[tuple[float, float]] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body: int = 0,
    ) -> Response:
        form = {name: values[0] for name, values in parse_qs((body or b"").decode()).items()}
        start, end, step = (float(form[name]) for name in ("start", "end", "step"))
        self.asked.append((start, end))
        if self.error is not None:
            raise self.error
        if (end - start) / step >= self.most:
            return Response(200, b"x" * MOST_BYTES)
        values = [[at, "1"] for at in sorted(self.moments) if start <= at <= end]
        result = [{"metric": METRIC, "values": values}] if values else []
        good = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return Response(200, json.dumps(self.answer or good).encode())


def unsaid(share: float) -> None:
    assert 0 <= share <= 1


def history(told: ToldRange, step: float = 60.0) -> PrometheusHistory:
    return PrometheusHistory(told, "http://127.0.0.1:9090/", step)


async def test_what_fired_is_read_without_what_alerts_adds() -> None:
    (one,) = await history(ToldRange({120.0, 180.0})).alerts(Span(0, 6000), unsaid)
    assert one.labels == {"alertname": "A", "service": "shop"}
    assert (one.begins, one.ends) == (120.0, 240.0)


async def test_a_stretch_over_the_edge_of_a_slice_is_one() -> None:
    told = ToldRange({at * 60.0 for at in range(590, 610)})
    (one,) = await history(told).alerts(Span(0, 60_000), unsaid)
    assert (one.begins, one.ends) == (590 * 60.0, 610 * 60.0)
    assert len(told.asked) == 2


async def test_an_answer_that_is_too_large_is_asked_for_in_halves() -> None:
    told = ToldRange({at * 60.0 for at in range(100)}, most=30)
    (one,) = await history(told).alerts(Span(0, 6000), unsaid)
    assert (one.begins, one.ends) == (0.0, 6000.0)
    assert len(told.asked) > 4


async def test_one_that_never_fits_is_an_error() -> None:
    with pytest.raises(HistoryError, match="too many series"):
        await history(ToldRange(most=0)).alerts(Span(0, 6000), unsaid)


@given(st.integers(0, 10_000), st.integers(0, 100_000), st.sampled_from([15.0, 60.0, 300.0]))
def test_every_look_is_in_exactly_one_slice(start: int, length: int, step: float) -> None:
    looks = [
        look
        for begins, ends in slices(Span(start, start + length), step)
        for look in range(int(begins / step), int(ends / step) + 1)
    ]
    first, last = -(-start // int(step)), (start + length) // int(step)
    assert looks == [*range(first, last + 1)]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": "error", "error": "parse error"}, "parse error"),
        ({"status": "success", "warnings": ["partial"], "data": {"result": []}}, "partial"),
        ([], "is the URL right"),
        ({"status": "success", "data": None}, "is the URL right"),
    ],
)
async def test_what_is_no_whole_answer_is_an_error(answer: object, said: str) -> None:
    told = ToldRange(answer=answer or ["no object"])
    with pytest.raises(HistoryError, match=said):
        await history(told).alerts(Span(0, 60), unsaid)


async def test_who_does_not_answer_is_named() -> None:
    told = ToldRange(error=OutsideError("connection refused", sent=False))
    with pytest.raises(HistoryError, match="Prometheus: connection refused"):
        await history(told).alerts(Span(0, 60), unsaid)
