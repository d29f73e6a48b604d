"""Letters, and what becomes of them when there are more than people can read. The same for both engines.

Above so many a minute they are counted instead of written, and told together in one digest a minute: a storm costs a
row, not a hundred thousand. Whoever was told of an incident by itself hears its end by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from receiver.decide.plan import RANK

DIGEST = "digest"
EVERY = 60.0  # seconds that a digest takes letters, and over which they are counted
GRAVEST = 5
# not of the incident that met it: they wait for nothing
OF_A_SCOPE = frozenset({"frozen", "thawed"})
# in place of an incident: letters that wait for the end of quiet hours, in a row of their own
HELD = -1
INSTEAD_OF = "instead_of"  # in the body of a letter that another channel could not deliver
ENDS = frozenset({"acknowledged", "resolved", "thawed"})  # what closes what was opened at a service
STOOD_IN = "-instead-of-"  # in the dedup key of such a letter
CALL = "-level-"  # in the dedup key of a call of the escalation: what a newer one makes needless
PENDING_MOST = 90_000.0  # no letter waits for longer: it is given up after a day


Scope = bool


class Row(Protocol):
    """A row of either driver."""

    def __getitem__(self, column: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one channel, written with the change that it tells of.

    `above` so many of the channel in a minute it may be told in a digest; None is always sent by itself. With `until` it
    is told in the digest of that time. With `follows` it is only for who was told of the incident before, with `stood_in`
    only for who was told of it in another channel's stead, and not of its end yet.
    """

    channel: str
    event: str
    body: Mapping[str, object]
    dedup: str
    above: int | None = None
    until: float | None = None
    follows: bool = False
    stood_in: bool = False

    @property
    def scope(self) -> Scope:
        """What it opens or ends at a service: the incident's own, or the freeze that it met."""
        return self.event in OF_A_SCOPE

    @property
    def call(self) -> bool:
        """Whether it calls somebody because nobody has acknowledged: nobody needs two at once, or one afterwards."""
        return self.event == "escalated" and CALL in self.dedup


@dataclass(frozen=True, slots=True)
class Posting:
    """A letter on its way: `attempts` counts the tries that failed, `thread` is what the channel last said of it."""

    id: int
    incident: int
    letter: Letter
    attempts: int
    created: float
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the outbox of one channel."""

    pending: int
    oldest: float


@dataclass(slots=True)
class Tally:
    """What a digest tells: how many letters of which kind, of which incidents, and the gravest few titles."""

    letters: int = 0
    first: int = 0
    last: int = 0
    events: dict[str, int] = field(default_factory=dict)
    severities: dict[str, int] = field(default_factory=dict)
    gravest: list[list[str]] = field(default_factory=list)  # severity and title
    until: float | None = None  # the end of the quiet hours in which they were written
    instead_of: str = ""  # the channel that could not deliver them: they go nowhere else

    @classmethod
    def of(cls, body: str | Mapping[str, object]) -> Tally:
        """As `body` was written."""
        return cls(**(json.loads(body) if isinstance(body, str) else body))

    @property
    def body(self) -> dict[str, object]:
        """What `of` reads."""
        return asdict(self)

    def covers(self, incident: int) -> bool:
        """Whether it may tell of this incident."""
        return self.letters > 0 and self.first <= incident <= self.last

    def add(self, incident: int, letter: Letter) -> None:
        """One letter more."""
        severity, title = str(letter.body.get("severity", "info")), str(letter.body.get("title"))
        self.first = min(self.first, incident) if self.letters else incident
        self.last = max(self.last, incident)
        self.letters += 1
        self.events[letter.event] = self.events.get(letter.event, 0) + 1
        self.severities[severity] = self.severities.get(severity, 0) + 1
        self._keep(severity, title)

    def _keep(self, severity: str, title: str) -> None:
        full = len(self.gravest) >= GRAVEST
        if full and RANK.index(severity) <= RANK.index(self.gravest[-1][0]):
            return
        if [severity, title] not in self.gravest:
            self.gravest.append([severity, title])
            self.gravest.sort(key=lambda one: -RANK.index(one[0]))
            del self.gravest[GRAVEST:]


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
        return HELD if self.held is not None else 0

    def due(self, now: float) -> float:
        """When it is sent."""
        return self.held if self.held is not None else now + EVERY


def unsent_digest(row: Row, tally: Tally) -> Digest:
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
    stood_in: set[tuple[int, Scope]] = field(default_factory=set)  # what it opened for another
    alone: list[Alone] = field(default_factory=list)
    filled: list[Digest] = field(default_factory=list)  # what took letters just now

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
        self.recent += 1
        few = letter.above is None or self.recent <= letter.above
        if few or incident in self.told:
            self.alone.append(Alone(incident, letter, self._before(incident, letter)))
            self.told.add(incident)
            if STOOD_IN in letter.dedup:
                self.stood_in.add((incident, letter.scope))
            return
        self._digest(letter).tally.add(incident, letter)

    def _concerns(self, incident: int, letter: Letter) -> bool:
        if letter.stood_in:
            return (incident, letter.scope) in self.stood_in
        return not letter.follows or incident in self.told

    def _before(self, incident: int, letter: Letter) -> Digest | None:
        if letter.event in OF_A_SCOPE:
            return None
        going = (one for one in reversed(self.unsent) if one.held is None)
        return next((one for one in going if one.tally.covers(incident)), None)

    def _digest(self, letter: Letter) -> Digest:
        until, mark = letter.until, str(letter.body.get(INSTEAD_OF, ""))
        going = (one for one in self.unsent if one.open and one.held == until)
        found = next((one for one in going if one.tally.instead_of == mark), None)
        if found is None:
            tally = Tally(until=until, instead_of=mark)
            found = Digest(0, tally, dedup=f"{letter.dedup}-{DIGEST}", held=until)
            self.unsent.append(found)
        if found not in self.filled:
            self.filled.append(found)
        return found


def ends_behind(rows: Iterable[Row], instead: Sequence[Letter]) -> tuple[Letter, ...]:
    """The ends that wait behind a letter that is given up, for who gets it instead: the channel may take them yet, and
    then nobody else would hear of them."""
    ends = tuple(rows)
    return tuple(
        Letter(
            to.channel,
            row["event"],
            {**json.loads(row["body"]), INSTEAD_OF: to.body.get(INSTEAD_OF, "")},
            row["dedup"],
            stood_in=True,
        )
        for to in instead
        for row in ends
    )


def by_channel(
    letters: Iterable[tuple[int, Letter]],
) -> dict[str, list[tuple[int, Letter]]]:
    """Letters with their incidents, in order, by the channel that they go to."""
    sorted_: dict[str, list[tuple[int, Letter]]] = {}
    for incident, letter in letters:
        sorted_.setdefault(letter.channel, []).append((incident, letter))
    return sorted_
