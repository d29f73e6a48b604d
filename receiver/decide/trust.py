"""How far a rung may go by itself: what the config says, what operators granted it, and what it has shown.

A playbook begins as its config says. An operator may let it go one step further at a time, never beyond the receiver's
own `mode` nor beyond what the config says of a rung; what was granted was granted to this very ladder, so a playbook
that is changed begins as its config says again. A rung that does not help has to ask, until a human trusts it anew.

An incident climbs the ladder that it opened with, and may go as far as both that one and today's config let it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from prunella.service.settings import Duration, Settings
from prunella.service.units import at_least
from receiver.decide.plan import LADDER_OF_MODES, Mode, Playbook, Rung, strictest

WHOLE = ""  # in place of a rung's name: the playbook
OURSELVES = "prunella"  # in place of an operator's name: the rule demoted it
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
    long as it is `likeness`; for a rung it only takes away, and does so under another name too if that is all that was
    changed of its `likeness`."""

    playbook: str
    step: str
    mode: Mode
    likeness: str
    by: str
    why: str
    at: float


@dataclass(frozen=True, slots=True)
class Stance:
    """What a config says of one rung. Without a playbook's name nothing can be granted or taken."""

    ceiling: Mode
    book: Mode
    rung: Mode | None = None
    playbook: str = ""
    step: str = WHOLE
    likeness: str = ""
    rung_likeness: str = ""
    today: Stance | None = None  # of the same in the config of now, where this one may be older


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
    alike = book.rung_likenesses[rung.name]
    return Stance(ceiling, book.mode, rung.mode, book.name, rung.name, book.likeness, alike)


def named(books: Iterable[Playbook], playbook: str) -> Playbook | None:
    """None where the config knows it no more."""
    return next((one for one in books if one.name == playbook), None)


def stance_today(ceiling: Mode, books: Iterable[Playbook], playbook: str, step: str) -> Stance:
    """Of a playbook or a rung that the config may know no more: then nobody vouches for it, and it has to ask."""
    book = named(books, playbook)
    if book is None:
        return Stance(ceiling, Mode.APPROVE, None, playbook, step)
    rung = next((one for one in book.ladder if one.name == step), None)
    if rung is None and step != WHOLE:
        return Stance(ceiling, book.mode, Mode.APPROVE, playbook, step, book.likeness)
    return stance(ceiling, book, rung)


def mode_of(asked: Stance, grants: Iterable[Grant]) -> Mode:
    """How far it may go by itself: the strictest of all that is said."""
    known = tuple(grants)
    step = None if asked.step == WHOLE else row_of(asked, known)
    return strictest(
        asked.ceiling,
        _granted(asked, _named(asked, WHOLE, known)),
        asked.rung,
        None if step is None else step.mode,
        None if asked.today is None else mode_of(asked.today, known),
    )


def modes_now(ceiling: Mode, book: Playbook, grants: Collection[Grant]) -> dict[str, Mode]:
    """How far each of its rungs may go."""
    return {one.name: mode_of(stance(ceiling, book, one), grants) for one in book.ladder}


_MAY = {
    Mode.AUTO: "acts by itself",
    Mode.APPROVE: "asks first",
    Mode.SHADOW: "only notes what it would do",
}


def in_words(modes: Mapping[str, Mode]) -> str:
    """What each rung may do, for people."""
    return ", ".join(f"{rung} {_MAY[mode]}" for rung, mode in modes.items())


def row_of(asked: Stance, grants: Iterable[Grant]) -> Grant | None:
    """What holds for it besides the config: its own row, else the strictest of those that it has under other names."""
    known = tuple(grants)
    own = _named(asked, asked.step, known)
    if own is not None or not asked.rung_likeness:
        return own
    renamed = (
        one
        for one in known
        if (one.playbook, one.likeness) == (asked.playbook, asked.rung_likeness)
        and one.step != WHOLE
    )
    return min(renamed, key=lambda one: LADDER_OF_MODES.index(one.mode), default=None)


def _named(asked: Stance, step: str, grants: Iterable[Grant]) -> Grant | None:
    if not asked.playbook:
        return None
    found = (one for one in grants if (one.playbook, one.step) == (asked.playbook, step))
    return next(found, None)


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


def with_grant(grants: Iterable[Grant], grant: Grant) -> tuple[Grant, ...]:
    """What holds once it is written."""
    name = grant.playbook, grant.step
    return (*(one for one in grants if (one.playbook, one.step) != name), grant)


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
    if mode_of(asked, with_grant(known, grant)) is not following:
        raise NotGranted(_held(asked, following, known))
    return grant


def demoted(asked: Stance, grants: Iterable[Grant], to: Mode | None, word: Word) -> Grant:
    """Less far, by one step if nobody says how far. What the config alone keeps back can be taken as well: then it is so
    whatever the config says later. Raises NotGranted."""
    known = tuple(grants)
    now = mode_of(asked, known)
    wanted = to or LADDER_OF_MODES[max(0, LADDER_OF_MODES.index(now) - 1)]
    if wanted is Mode.AUTO or strictest(now, wanted) is not wanted:
        raise NotGranted(f"{_name(asked)} is {now}: {wanted} is no less")
    row = _named(asked, asked.step, known)
    if row is not None and strictest(row.mode, wanted) is row.mode:
        raise NotGranted(f"{_name(asked)} is {row.mode} already, by {row.by}")
    return _grant(asked, wanted, word)


def _grant(asked: Stance, mode: Mode, word: Word) -> Grant:
    likeness = asked.likeness if asked.step == WHOLE else asked.rung_likeness
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
