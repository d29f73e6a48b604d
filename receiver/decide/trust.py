"""How far a rung may go by itself: what the config says, what operators granted it, and what it has shown.

A playbook begins as its config says. An operator may let it go one step further at a time, never beyond the receiver's
own `mode` nor beyond what the config says of a rung; what was granted was granted to this very ladder, so a playbook
that is changed begins as its config says again. A rung that does not help has to ask, until a human trusts it anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from prunella.service.settings import Duration, Settings
from prunella.service.units import at_least
from receiver.decide.plan import LADDER_OF_MODES, Mode, Playbook, Rung, strictest

WHOLE = ""  # in place of a rung's name: the playbook
A_DAY = 86400.0


class TrustRule(Settings):
    """When a rung that acts by itself has to ask again: of at least `min_runs` judged ones within `window`, less than
    `min_success` helped. What is back within `recurrence` did not help."""

    window: Annotated[Duration, at_least("1h")] = 30 * A_DAY
    min_runs: Annotated[int, Field(ge=1)] = 5
    min_success: Annotated[float, Field(ge=0, le=1)] = 0.5
    recurrence: Duration = A_DAY


@dataclass(frozen=True, slots=True)
class Grant:
    """What holds for a rung, or for the whole playbook, besides the config. For the playbook it is how far it may go as
    long as it is `likeness`; for a rung it only takes away."""

    playbook: str
    step: str
    mode: Mode
    likeness: str
    by: str
    why: str
    at: float


@dataclass(frozen=True, slots=True)
class Stance:
    """What the config says of one rung. Without a playbook's name nothing can be granted or taken."""

    ceiling: Mode
    book: Mode
    rung: Mode | None = None
    playbook: str = ""
    step: str = WHOLE
    likeness: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a rung's runs. `took` is the time from the alert to the proof, of those that helped, together."""

    playbook: str
    step: str
    helped: int = 0
    returned: int = 0  # they helped, and the same problem was back too soon
    in_vain: int = 0
    failed: int = 0
    unseen: int = 0  # verification saw nothing: neither for it nor against it
    took: float = 0.0

    @property
    def judged(self) -> int:
        """Of how many it is known whether they helped."""
        return self.helped + self.returned + self.in_vain + self.failed

    @property
    def runs(self) -> int:
        """All whose end is known."""
        return self.judged + self.unseen

    @property
    def success(self) -> float | None:
        """The share that helped; None before there is one."""
        return self.helped / self.judged if self.judged else None


class NotGranted(Exception):
    """It cannot be promoted or demoted so; the text says what can."""


def stance(ceiling: Mode, book: Playbook, rung: Rung | None = None) -> Stance:
    """Of one rung, or of the whole playbook."""
    if rung is None:
        return Stance(ceiling, book.mode, None, book.name, WHOLE, book.likeness)
    return Stance(ceiling, book.mode, rung.mode, book.name, rung.name, book.likeness)


def mode_of(asked: Stance, grants: Iterable[Grant]) -> Mode:
    """How far it may go by itself: the strictest of all that is said."""
    ours = {one.step: one for one in grants if asked.playbook and one.playbook == asked.playbook}
    step = ours.get(asked.step) if asked.step != WHOLE else None
    return strictest(
        asked.ceiling,
        _granted(asked, ours.get(WHOLE)),
        asked.rung,
        None if step is None else step.mode,
    )


def _granted(asked: Stance, whole: Grant | None) -> Mode:
    if whole is None:
        return asked.book
    return whole.mode if whole.likeness == asked.likeness else strictest(asked.book, whole.mode)


def helps(seen: Tally, rule: TrustRule) -> bool:
    """Whether it may go on by itself; too few runs say nothing."""
    return seen.judged < rule.min_runs or seen.helped >= rule.min_success * seen.judged


@dataclass(frozen=True, slots=True)
class Word:
    """Who says so, why and when."""

    by: str
    why: str
    at: float


def promoted(asked: Stance, grants: Iterable[Grant], to: Mode | None, word: Word) -> Grant:
    """One step further: `to` is what whoever asks expects that to be. Raises NotGranted."""
    known = tuple(grants)
    now = mode_of(asked, known)
    if now is Mode.AUTO:
        raise NotGranted(f"{_name(asked)} is auto already: it can go no further")
    following = LADDER_OF_MODES[LADDER_OF_MODES.index(now) + 1]
    if to not in (None, following):
        raise NotGranted(
            f"{_name(asked)} is {now}: it can be promoted to {following}, one step at a time"
        )
    grant = _grant(asked, following, word)
    rest = (one for one in known if (one.playbook, one.step) != (grant.playbook, grant.step))
    if mode_of(asked, (*rest, grant)) is not following:
        raise NotGranted(_held(asked, following, known))
    return grant


def demoted(asked: Stance, grants: Iterable[Grant], to: Mode | None, word: Word) -> Grant:
    """Less far, by one step if nobody says how far. Raises NotGranted."""
    now = mode_of(asked, grants)
    if now is Mode.SHADOW:
        raise NotGranted(f"{_name(asked)} is shadow already: it touches nothing")
    wanted = to or LADDER_OF_MODES[LADDER_OF_MODES.index(now) - 1]
    if LADDER_OF_MODES.index(wanted) >= LADDER_OF_MODES.index(now):
        raise NotGranted(f"{_name(asked)} is {now}: {wanted} is no less")
    return _grant(asked, wanted, word)


def _grant(asked: Stance, mode: Mode, word: Word) -> Grant:
    likeness = asked.likeness if asked.step == WHOLE else ""
    return Grant(asked.playbook, asked.step, mode, likeness, word.by, word.why, word.at)


def _held(asked: Stance, to: Mode, grants: Iterable[Grant]) -> str:
    """What stands in the way, and where it can be changed."""
    if strictest(asked.ceiling, to) is not to:
        return f"the receiver's own `mode` is {asked.ceiling}: nothing goes further"
    if strictest(to, asked.rung) is not to:
        return f"the config says `mode: {asked.rung}` of {_name(asked)}: change it there"
    whole = mode_of(
        Stance(asked.ceiling, asked.book, None, asked.playbook, WHOLE, asked.likeness), grants
    )
    return f"the playbook {asked.playbook} is {whole}: promote it first"


def _name(asked: Stance) -> str:
    return asked.playbook if asked.step == WHOLE else f"{asked.step} of {asked.playbook}"
