"""What becomes of letters when there are more than people can read. The same for both engines.

Above so many a minute they are counted instead of written, and told together in one digest a minute: a storm costs a
row, not a hundred thousand. Whoever was told of an incident by itself hears its end by itself. What calls a human is
counted apart, so that news never keeps it back, and when even the calls are too many, the first digest of them is a call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from receiver.journal.mail import (
    DIGEST,
    ENDS,
    ESCALATED,
    INSTEAD_OF,
    OF_A_SCOPE,
    STOOD_IN,
    Letter,
    Row,
    Scope,
    Tally,
)

EVERY = 60.0  # seconds that a digest takes letters, and over which they are counted
# who is called or asked waits for no digest, nor behind what would
AT_ONCE = OF_A_SCOPE | {ESCALATED, "approval_requested"}
# in place of an incident: letters that wait for the end of quiet hours, in a row of their own
HELD = -1
# the same for what calls somebody for many: it waits in no line; the numbers between are of releases
PAGED = -(1 << 62)


@dataclass(slots=True)
class Digest:
    """A row of the outbox that tells of many; it takes letters as long as it is `open`. `id` 0 is not written yet.

    One that is `held` until quiet hours are over holds up nothing but itself.
    """

    id: int
    tally: Tally
    open: bool = True
    dedup: str = ""
    held: float | None = None

    @property
    def lane(self) -> int:
        """What stands for the incident in its row."""
        if self.held is not None:
            return HELD
        return PAGED if self.tally.page else 0

    def due(self, now: float) -> float:
        """When it is sent."""
        if self.held is not None:
            return self.held
        return now if self.tally.page else now + EVERY


def _unsent_digest(row: Row, tally: Tally) -> Digest:
    """A digest as its row says; what was held and is due is one like any other."""
    held = row["due"] if row["incident"] == HELD and row["open"] else None
    return Digest(row["id"], tally, bool(row["open"]), held=held)


@dataclass(frozen=True, slots=True)
class Alone:
    """A letter that goes out by itself, but not before the digest `after`; `since` when there is one to send."""

    incident: int
    letter: Letter
    after: Digest | None
    since: float | None = None


@dataclass(slots=True)
class Box:
    """One channel's letters of the last minute, and those that are just put in."""

    recent: int  # of the last minute, those in digests included
    unsent: list[Digest]
    told: set[int]  # the incidents that were told of by themselves
    escalated: int = 0  # how many of `recent` are escalations
    # what was told together of late had calls in it: somebody was called for all
    paged: bool = False
    stood_in: set[tuple[int, Scope]] = field(default_factory=set)  # what it opened for another
    alone: list[Alone] = field(default_factory=list)
    filled: list[Digest] = field(default_factory=list)  # what took letters just now
    # the incidents of which nothing waits for a digest
    hurried: set[int] = field(default_factory=set)

    def put(self, incident: int, letter: Letter) -> None:
        """Alone, in a digest, or nowhere when it only follows what was never told.

        The end of what was told by itself closes an alert or an issue somewhere: it waits for no morning.
        """
        if not self._concerns(incident, letter):
            return
        closes = letter.event in ENDS and incident in self.told
        if letter.until is not None and not closes:
            self._digest(letter).tally.add(incident, letter)
            return
        if self._few(letter) or incident in self.told:
            self._alone(incident, letter)
            return
        self._digest(letter).tally.add(incident, letter)

    def _few(self, letter: Letter) -> bool:
        """Whether it may go out by itself; an escalation does unless there are too many of its own kind."""
        self.recent += 1
        escalated = letter.event == ESCALATED
        self.escalated += escalated
        counted = self.escalated if escalated else self.recent
        return letter.above is None or counted <= letter.above

    def _alone(self, incident: int, letter: Letter) -> None:
        self.alone.append(Alone(incident, letter, self._before(incident, letter)))
        self.told.add(incident)
        if letter.event in AT_ONCE:
            self.hurried.add(incident)
        if STOOD_IN in letter.dedup:
            self.stood_in.add((incident, letter.scope))

    def _concerns(self, incident: int, letter: Letter) -> bool:
        if letter.stood_in:
            return (incident, letter.scope) in self.stood_in
        return not letter.follows or incident in self.told

    def _before(self, incident: int, letter: Letter) -> Digest | None:
        if letter.event in AT_ONCE:
            return None
        going = (one for one in reversed(self.unsent) if one.held is None)
        return next((one for one in going if one.tally.covers(incident)), None)

    def _digest(self, letter: Letter) -> Digest:
        until, mark = letter.until, str(letter.body.get(INSTEAD_OF, ""))
        page = letter.calls and until is None and not self.paged
        going = (one for one in self.unsent if one.open and one.held == until)
        kinds = (one for one in going if one.tally.page == page)
        found = next((one for one in kinds if one.tally.instead_of == mark), None)
        if found is None:
            tally = Tally(until=until, instead_of=mark, page=page)
            found = Digest(0, tally, dedup=f"{letter.dedup}-{DIGEST}", held=until)
            self.unsent.append(found)
        if found not in self.filled:
            self.filled.append(found)
        return found


def box_of(alone: Row, digests: Iterable[Row]) -> Box:
    """A channel's box: how many letters went out by themselves in the last minute, and the rows of its digests."""
    tallies = [(row, Tally.of(row["body"])) for row in digests]
    recent = [tally for row, tally in tallies if row["recent"] and row["incident"] != HELD]
    return Box(
        alone["letters"] + sum(tally.letters for tally in recent),
        [_unsent_digest(row, tally) for row, tally in tallies if row["state"] == "pending"],
        set(),
        escalated=alone["escalated"] + sum(tally.events.get(ESCALATED, 0) for tally in recent),
        paged=any(tally.calls for tally in recent),
    )
