"""Did it help? Judges a row of samples; missing data is never a pass and never a failure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What one check saw at one moment."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look of one check. `direct` is False for a look at the alert, which may stay red after a true repair."""

    outcome: Outcome
    detail: str
    direct: bool = True


class Verdict(StrEnum):
    """What a verification ends with."""

    RECOVERED = "recovered"
    STILL_BROKEN = "still_broken"
    INCONCLUSIVE = "inconclusive"
