"""Did it help? Judges a row of samples; missing data is never a pass and never a failure."""

from __future__ import annotations

from collections.abc import Sequence
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


class Look(StrEnum):
    """What a row of samples taken at one moment amounts to."""

    GOOD = "good"  # every check passes
    DECAYING = "decaying"  # every direct check passes, only the alert is still red
    BAD = "bad"
    BLIND = "blind"  # something could not be seen, and nothing was seen to be bad


def look(samples: Sequence[Sample]) -> Look:
    """One moment's samples as one word. A failing direct check outweighs what could not be seen."""
    direct = {sample.outcome for sample in samples if sample.direct}
    hinted = {sample.outcome for sample in samples if not sample.direct}
    if Outcome.FAIL in direct:
        return Look.BAD
    if Outcome.NO_DATA in direct | hinted or not samples:
        return Look.BLIND
    if Outcome.FAIL in hinted:
        return Look.DECAYING if direct else Look.BAD
    return Look.GOOD


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do after a look: an end (`verdict`), or go on with `passes` in a row. `decaying` says in which state."""

    passes: int
    verdict: Verdict | None = None
    decaying: bool = False


def judge(
    seen: Look, passes: int, need: int, waited: float, within: float, decay: float
) -> Judgement:
    """`waited` is seconds since verification began (after settle); `passes` counts good direct looks in a row.

    An alert may stay red for `decay` after `within` while its direct checks pass: a `rate[5m]` needs minutes to
    forget. What could not be seen at the end is inconclusive: a human, never a pass and never the next rung.
    """
    if seen is Look.GOOD:
        passes += 1
        return Judgement(passes, Verdict.RECOVERED if passes >= need else None)
    if seen is Look.DECAYING:
        passes = min(passes + 1, need)
        over = waited >= within + decay
        return Judgement(passes, Verdict.STILL_BROKEN if over else None, decaying=passes >= need)
    if waited < within:
        return Judgement(0)
    return Judgement(0, Verdict.STILL_BROKEN if seen is Look.BAD else Verdict.INCONCLUSIVE)
