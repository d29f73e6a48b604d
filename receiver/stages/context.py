"""What every stage works with, in one frozen value, and the one way in which a stage writes a move."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from prunella.logs import create_logger
from receiver import metrics
from receiver.actions.base import Action, Done, Effect
from receiver.decide.incident import CLOSED, Incident
from receiver.decide.plan import Playbook
from receiver.journal import Claim, Event, Journal, Move
from receiver.settings import ReceiverSettings
from receiver.stages.health import Health
from receiver.stages.illustrations import Illustrations
from receiver.stages.oncall import OnCall
from receiver.tools import Http, Survivors, Tools

log = create_logger("prunella.receiver")
PARSED_MOST = 1024
Perform = Callable[[Action, Effect, Tools], Awaitable[Done]]
# by playbook, because thousands of incidents have the plan of one, and by incident for those that have another; to read
# a plan anew takes longer than all the rest of opening an incident
_PARSED: dict[str | int, tuple[Mapping[str, object], Playbook]] = {}


async def _perform(action: Action, effect: Effect, tools: Tools) -> Done:
    return await action.run(effect, tools)


@dataclass(slots=True)
class Caller:
    """Whoever delivered last: its own address, as people reach it; empty for nobody since we run."""

    external_url: str = ""


@dataclass(slots=True)
class Watchdog:
    """When Alertmanager's always-firing alert came last, in unix seconds; None for not since we run."""

    at: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """`settings` is asked each time, so that a reload reaches the next step of whatever is under way."""

    journal: Journal
    tools: Tools
    settings: Callable[[], ReceiverSettings]
    survivors: Survivors
    # the receiver names under which Alertmanager calls us
    heard_as: set[str] = field(default_factory=set)
    # whether we may still act for that incident, by the monotonic clock
    holds: Callable[[int], bool] = field(default=lambda _: True)
    health: Health = field(default_factory=Health)
    oncall: OnCall = field(default_factory=OnCall)
    illustrations: Illustrations = field(default_factory=Illustrations)
    heard_from: Caller = field(default_factory=Caller)
    heard_watchdog: Watchdog = field(default_factory=Watchdog)
    # Alertmanager left alerts out of a delivery
    cut_short: asyncio.Event = field(default_factory=asyncio.Event)
    post: Http | None = None  # for letters alone: connections that are kept for a moment
    perform: Perform = field(default=_perform)  # a backtest writes down what would be done instead

    def now(self) -> float:
        """Unix seconds."""
        return self.tools.clock.now()

    def stopped(self) -> bool:
        """Whether the stop file is there; asked of the disk each time, so that it works with all else down."""
        file: Path | None = self.settings().stop_file
        return file is not None and file.exists()


def playbook_of(incident: Incident) -> Playbook:
    """The playbook as it was when the incident opened: a reload does not change a ladder that is being climbed."""
    keys = incident.playbook, incident.id
    for key in keys:
        known = _PARSED.get(key)
        if known is not None and known[0] == incident.plan:
            return known[1]
    book = Playbook.model_validate(dict(incident.plan))
    if len(_PARSED) >= PARSED_MOST:
        _PARSED.clear()
    _PARSED.update(dict.fromkeys(keys, (incident.plan, book)))
    return book


def event_of(ev: str, incident: Incident, **data: object) -> Event:
    """An audit row about an incident."""
    return Event(ev, {"incident": incident.id, "ep": incident.episode, **data})


async def commit(context: Context, claim: Claim, move: Move) -> Claim | None:
    """Writes a move and says it; returns the claim to go on with, or None when it was given back."""
    await context.journal.move(claim, move, context.now())
    return follow(claim, move)


def follow(claim: Claim, move: Move) -> Claim | None:
    """What is left of a claim after a committed move; the log line and the counters of the change."""
    before, after = claim.incident, move.incident
    if after.state is not before.state:
        log.info(
            "incident moved",
            incident=after.id,
            playbook=after.playbook,
            state=str(after.state),
            was=str(before.state),
            reason=str(after.reason),
        )
    for event in move.events:
        _count(after, event.ev, event.data)
    if move.due is not None or after.state in CLOSED:
        return None
    return replace(claim, incident=after)


def _count(incident: Incident, ev: str, data: Mapping[str, object]) -> None:
    if ev == "refused":
        metrics.REFUSALS.labels(str(data["reason"])).inc()
    elif ev == "verdict":
        metrics.VERDICTS.labels(incident.playbook, str(data["verdict"])).inc()
