"""Looks at a value in Prometheus. No series, NaN, or no clean answer is no data: never a pass, never a failure."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from receiver.checks.base import Check, Scene
from receiver.decide.verdict import Outcome, Sample
from receiver.tools import OutsideError, Tools

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Promql(Check):
    """Every series of `query` has to hold `op` against `value`, for example `< 0.05`."""

    query: Annotated[str, Field(min_length=1)]
    op: Literal["<", "<=", ">", ">=", "==", "!="]
    value: Annotated[float, Field(allow_inf_nan=False)]

    async def sample(self, scene: Scene, tools: Tools) -> Sample:
        if tools.prometheus is None:
            return Sample(Outcome.NO_DATA, "no Prometheus is configured")
        try:
            values = await tools.prometheus.query(self.query)
        except OutsideError as error:
            return Sample(Outcome.NO_DATA, str(error))
        if not values:
            return Sample(Outcome.NO_DATA, "the query has no series")
        if any(math.isnan(value) for value in values):
            return Sample(Outcome.NO_DATA, "the query has NaN")
        return self._judge(values)

    def _judge(self, values: tuple[float, ...]) -> Sample:
        holds = _COMPARISONS[self.op]
        wrong = [value for value in values if not holds(value, self.value)]
        shown = (wrong or list(values))[0]
        outcome = Outcome.FAIL if wrong else Outcome.PASS
        more = f" ({len(wrong)} of {len(values)} series)" if wrong and len(values) > 1 else ""
        return Sample(outcome, f"{shown:g}, wanted {self.op} {self.value:g}{more}")
