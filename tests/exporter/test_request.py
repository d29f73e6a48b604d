from __future__ import annotations

import pytest

from exporter.request import RefusedError, time_allowed, wanted

KNOWN = ["host", "processes", "redis"]


@pytest.mark.parametrize(
    ("collect", "exclude", "expected"),
    [
        ([], [], KNOWN),
        (["redis"], [], ["redis"]),
        (["redis", "host", "redis"], [], ["host", "redis"]),
        ([], ["host"], ["processes", "redis"]),
        ([], KNOWN, []),
    ],
)
def test_collectors_are_chosen_by_name(
    collect: list[str], exclude: list[str], expected: list[str]
) -> None:
    assert wanted(KNOWN, collect, exclude) == expected


def test_choosing_and_leaving_out_at_once_is_refused() -> None:
    with pytest.raises(RefusedError, match="together"):
        wanted(KNOWN, ["host"], ["redis"])


@pytest.mark.parametrize(("collect", "exclude"), [(["nope"], []), ([], ["nope"])])
def test_an_unknown_name_is_refused_with_the_known_ones(
    collect: list[str], exclude: list[str]
) -> None:
    with pytest.raises(RefusedError, match="'nope' here, only: host, processes, redis"):
        wanted(KNOWN, collect, exclude)


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, 9.5), ("10", 9.5), ("60", 9.5), ("3", 2.5), ("1.5", 1.0), ("0.6", 0.3), ("1e1", 9.5)],
)
def test_the_time_is_prometheus_own_less_the_way_back(header: str | None, expected: float) -> None:
    assert time_allowed(header, 9.5) == pytest.approx(expected)


@pytest.mark.parametrize("header", ["", "soon", "0", "-1", "nan", "inf", "1e999", "10s"])
def test_a_time_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(RefusedError, match="X-Prometheus-Scrape-Timeout-Seconds"):
        time_allowed(header, 9.5)
