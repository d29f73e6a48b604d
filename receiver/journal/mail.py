"""Letters to channels, each written with the change that it tells of, and what a digest of many keeps of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from receiver.decide.plan import RANK

DIGEST = "digest"
ESCALATED = "escalated"  # somebody is called
GRAVEST = 5
# not of the incident that met it: they wait for nothing
OF_A_SCOPE = frozenset({"frozen", "thawed"})
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
    only for who was told of it in another channel's stead, and not of its end yet. What `calls` is what nobody but a human
    will do anything about.
    """

    channel: str
    event: str
    body: Mapping[str, object]
    dedup: str
    above: int | None = None
    until: float | None = None
    follows: bool = False
    stood_in: bool = False
    calls: bool = False

    @property
    def scope(self) -> Scope:
        """What it opens or ends at a service: the incident's own, or the freeze that it met."""
        return self.event in OF_A_SCOPE

    @property
    def call(self) -> bool:
        """Whether it calls somebody because nobody has acknowledged: nobody needs two at once, or one afterwards."""
        return self.event == ESCALATED and CALL in self.dedup


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
    calls: int = 0  # how many of them call a human
    page: bool = False  # all of them do, and it calls one itself

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
        self.calls += letter.calls
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
