from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from receiver.checks.promql import Promql
from receiver.decide.verdict import Outcome, Sample
from receiver.tools import OutsideError
from tests.receiver.checks.scenes import a_scene
from tests.receiver.stand_ins import StandInPrometheus, a_toolbox


async def look(
    values: tuple[float, ...] | OutsideError, op: str = "<", value: float = 0.9
) -> Sample:
    check = Promql.model_validate({"query": "up", "op": op, "value": value})
    return await check.sample(a_scene(), a_toolbox(prometheus=StandInPrometheus(values)))


@pytest.mark.parametrize(
    ("op", "below", "equal", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
async def test_the_value_is_compared(op: str, below: bool, equal: bool, above: bool) -> None:
    for value, holds in ((0.0, below), (1.0, equal), (math.inf, above)):
        sample = await look((value,), op, 1)
        assert sample.outcome is (Outcome.PASS if holds else Outcome.FAIL)
        assert sample.direct


async def test_every_series_has_to_hold() -> None:
    assert (await look((0.1, 0.2))).outcome is Outcome.PASS
    assert await look((0.1, 0.95, 0.2)) == Sample(
        Outcome.FAIL, "0.95, wanted < 0.9 (1 of 3 series)"
    )


@pytest.mark.parametrize(
    "values", [(), (math.nan,), (0.1, math.nan), OutsideError("Prometheus: timeout")]
)
async def test_what_cannot_be_judged_is_no_data(values: tuple[float, ...] | OutsideError) -> None:
    assert (await look(values)).outcome is Outcome.NO_DATA


async def test_without_prometheus_there_is_no_data() -> None:
    sample = await Promql(query="up", op="<", value=1).sample(a_scene(), a_toolbox())
    assert sample.outcome is Outcome.NO_DATA


@pytest.mark.parametrize(
    "wrong", [{"query": ""}, {"op": "="}, {"op": "=~"}, {"value": "NaN"}, {"value": "high"}, {"vlaue": 1}]
)  # fmt: skip
def test_a_comparison_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Promql.model_validate({"query": "up", "op": "<", "value": 1, **wrong})
