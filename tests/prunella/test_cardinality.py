from __future__ import annotations

from prunella.cardinality import Bounded
from tests.prunella.service.stand_ins import Counted


def test_the_first_values_are_kept_and_the_rest_are_other() -> None:
    bounded = Bounded("m", limit=2)
    assert [bounded(value) for value in ("a", "b", "c", "a", "d")] == [
        "a",
        "b",
        "other",
        "a",
        "other",
    ]


def test_what_is_dropped_is_counted() -> None:
    counted = Counted("prunella_series_dropped_total", {"metric": "dropping"})
    bounded = Bounded("dropping", limit=1)
    for value in "abc":
        bounded(value)
    assert counted.grown == 2
