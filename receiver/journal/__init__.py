"""What must survive: the Journal protocol, and the values that go in and out of it.

Two engines may stand behind it (SQLite now; PostgreSQL for several receivers), and both keep the same promises: a
method that returns has been committed and synced; a write by an owner whose claim was taken over raises Fenced; the
audit rows of a change are in the change's own transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Struct

from receiver.decide.episode import Kind, Observation
from receiver.decide.guards import Facts, Freeze, Limits, Rate
from receiver.decide.incident import Incident
from receiver.decide.maintenance import Window
from receiver.decide.matchers import Matcher
from receiver.decide.plan import Draft
from receiver.decide.trust import Stance
from receiver.journal.alerts import IncidentAlert as IncidentAlert
from receiver.journal.alerts import OpenAlert as OpenAlert
from receiver.journal.history import History
from receiver.journal.ledger import Ledger
from receiver.journal.mail import Backlog as Backlog
from receiver.journal.mail import Letter as Letter
from receiver.journal.mail import Posting as Posting
from receiver.journal.sessions import Sessions
from receiver.journal.trust import Trust
from receiver.journal.upkeep import Upkeep
from receiver.journal.views import Views

# as a move's `due`: only what happens in the world has the incident looked at again
NEVER = float("inf")


class JournalUnavailable(Exception):
    """Nothing was written: the disk is full, gone or locked. Trying again later may help."""


class JournalInUse(Exception):
    """Another receiver holds this journal."""


class Fenced(Exception):
    """The claim was taken over; whoever wrote must stop at once and touch nothing."""


class Conflict(Exception):
    """The incident is not in a state in which this may be asked of it."""


class Seen(Struct, frozen=True, gc=False):
    """An observation with the incident it would open; no draft means that it is only remembered."""

    observation: Observation
    draft: Draft | None


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a delivery changed, one kind per observation, in order."""

    kinds: tuple[Kind, ...]
    opened: tuple[int, ...] = ()
    resolved: int = 0
    moves: tuple[Move, ...] = field(default=(), compare=False)  # with which the new incidents began
    due: bool = field(default=True, compare=False)  # whether anything is to be done now
    mailed: bool = field(default=True, compare=False)  # whether letters were put in the outbox


class Event(Struct, frozen=True, gc=False):
    """One audit row: `ev` and its fields, as `prunella journal export` shows them."""

    ev: str
    data: Mapping[str, object]


class Move(Struct, frozen=True, gc=False):
    """A change of an incident: its new self, its audit rows and its letters, in one transaction.

    `due` ends the claim and says when to look again, NEVER to wait for the world; None keeps the claim.
    """

    incident: Incident
    events: tuple[Event, ...] = ()
    letters: tuple[Letter, ...] = ()
    due: float | None = None
    closes_episodes: bool = False  # the alert was seen to be over before Alertmanager told us
    # when what was seen to be over had opened; with any other alert open: Conflict
    over: frozenset[float] | None = None


def _as_it_is(incident: Incident) -> Move:
    return Move(incident)


def _frozen(incident: Incident, freeze: Freeze) -> Ruling:
    return Ruling(Move(incident), freeze=freeze)


class Reception(Struct, frozen=True):
    """What new incidents meet in the transaction that opens them; both functions only decide.

    `opens` says how one begins (a move without `due` is due at once), `storm` how many make a storm, and `page` what is
    told of it, once.
    """

    opens: Callable[[Incident], Move] = _as_it_is
    storm: Rate | None = None
    page: Callable[[Incident, Freeze], Ruling] = _frozen


QUIET = Reception()


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to move one incident until the lease ends; `firing` says whether any of its alerts was open when taken."""

    incident: Incident
    fence: int
    firing: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one rung on one target. Its row is the permission to start."""

    action_id: str
    incident: int
    playbook: str
    episode: str
    rung: int
    attempt: int
    step: str
    kind: str
    target: str
    disruptive: bool
    fence: int
    began_at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: `result` is ok, failed, timeout, unknown or cancelled."""

    action_id: str
    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the guards are asked about: the facts that the journal cannot know by itself."""

    now: float
    stance: Stance  # how far the config lets it go; what was granted is the journal's to know
    target: str
    disruptive: bool
    target_known: bool
    stop_file: bool
    cooldown: float
    limits: Limits
    approved: bool = False
    blocked_by: tuple[Matcher, ...] = ()
    group: frozenset[str] = frozenset()
    facet: bool = True  # whether the target has the facet that the action needs
    # what maintenance windows are held against when no alert opened the incident, if they hold for it at all
    stands_for: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What follows from a question: the move, and with a yes the run that it permits."""

    move: Move
    run: Run | None = None
    freeze: Freeze | None = None
    frozen_letters: tuple[Letter, ...] = ()  # sent only when this very ruling froze the scope
    thawed_letters: tuple[Letter, ...] = ()  # kept for its end


@dataclass(frozen=True, slots=True)
class Chain:
    """The verdict on the audit chain: `bad` is the first row that does not follow from the one before."""

    rows: int
    bad: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Which incidents to list, newest first."""

    state: str | None = None
    limit: int = 100
    before: int | None = None


Rule = Callable[[Facts], Ruling]
Change = Callable[[Incident], Move]


class Journal(Upkeep, Ledger, Trust, Sessions, Views, History, Protocol):
    """Everything durable. All times are unix seconds given by the caller's clock."""

    name: str  # random, made with the journal: makes ids unique over journals

    async def ingest(
        self, batch: Sequence[Seen], now: float, reception: Reception = QUIET
    ) -> Ingested: ...

    async def quarantine(self, source: str, why: str, body: str, now: float) -> None: ...

    async def claim(
        self, owner: str, now: float, lease: float, limit: int
    ) -> tuple[Claim, ...]: ...

    async def renew(self, claims: Sequence[Claim], until: float) -> frozenset[int]: ...

    async def next_due(self) -> float | None: ...

    async def move(self, claim: Claim, move: Move, now: float) -> None: ...

    async def gate(self, claim: Claim, question: Question, rule: Rule) -> Ruling: ...

    async def end(self, claim: Claim, ended: Ended, move: Move, now: float) -> None: ...

    async def command(
        self, incident: int, change: Change, now: float, unheard: float | None = None
    ) -> Incident: ...

    async def record(
        self, events: Sequence[Event], letters: Sequence[Letter], now: float
    ) -> None: ...

    async def open_run(self, incident: int) -> Run | None: ...

    async def open_alerts(self) -> tuple[OpenAlert, ...]: ...

    async def confirm(self, muted: Mapping[str, str], now: float) -> None: ...

    async def incident(self, incident: int) -> Incident | None: ...

    async def these(self, incidents: Collection[int]) -> Mapping[int, Incident]: ...

    async def incidents(self, page: Page) -> tuple[Incident, ...]: ...

    async def alerts(self, incident: int) -> tuple[IncidentAlert, ...]: ...

    async def counts(self) -> Mapping[str, int]: ...

    async def postings(self, channel: str, now: float, limit: int) -> tuple[Posting, ...]: ...

    async def posted(
        self, posting: Posting, event: Event, now: float, thread: str = ""
    ) -> None: ...

    async def postpone(self, posting: Posting, due: float, error: str) -> None: ...

    async def bury(
        self, posting: Posting, error: str, now: float, letters: Sequence[Letter] = ()
    ) -> None: ...

    async def backlog(self) -> Mapping[str, Backlog]: ...

    async def open_by_hand(self, draft: Draft, by: str, now: float) -> int: ...

    async def open_window(self, window: Window, now: float) -> int: ...

    async def close_window(self, window: int, by: str, now: float) -> bool: ...

    async def windows(self, now: float) -> tuple[Window, ...]: ...

    async def pause(self, by: str, reason: str, now: float) -> None: ...

    async def resume(self, by: str, now: float) -> None: ...

    async def paused(self) -> str | None: ...

    def export(self, incident: int | None = None) -> AsyncIterator[str]: ...

    async def verify(self) -> Chain: ...

    async def close(self) -> None: ...
