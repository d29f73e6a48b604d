"""The life of an incident: its states, and the one table of legal moves between them.

Everything that changes an incident goes through `legal`; a move that is not in the table is a bug and raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from receiver.decide.reason import Reason
from receiver.decide.values import changed


class State(StrEnum):
    """The words of design.md section 5; people see them as they are."""

    OPEN = "OPEN"
    HOLD = "HOLD"
    GATING = "GATING"
    BLOCKED = "BLOCKED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    SHADOW = "SHADOW"
    RUNNING = "RUNNING"
    INTERRUPTED = "INTERRUPTED"
    STEP_FAILED = "STEP_FAILED"
    CANCELLED = "CANCELLED"
    VERIFYING = "VERIFYING"
    DECAYING = "DECAYING"
    INCONCLUSIVE = "INCONCLUSIVE"
    NEXT_RUNG = "NEXT_RUNG"
    HEALED_HOLD = "HEALED_HOLD"
    ESCALATED = "ESCALATED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RESOLVED = "RESOLVED"
    EXPIRED = "EXPIRED"


CLOSED = frozenset({State.RESOLVED, State.EXPIRED})
MANUAL, SCHEDULED = "@manual|", "schedule:"

MOVES: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.HOLD, State.GATING, State.ESCALATED}) | CLOSED,
    State.HOLD: frozenset({State.GATING}) | CLOSED,
    # straight to NEXT_RUNG past a rung that is optional and that the target has not the facet for
    State.GATING: frozenset(
        {
            *(State.BLOCKED, State.AWAITING_APPROVAL, State.SHADOW),
            *(State.RUNNING, State.NEXT_RUNG, State.ESCALATED),
        }
    )
    | CLOSED,
    State.BLOCKED: frozenset({State.GATING, State.ESCALATED}) | CLOSED,
    # an approval leads back through the guards: they hold at the moment of the effect, not of the click
    State.AWAITING_APPROVAL: frozenset({State.GATING, State.ESCALATED}) | CLOSED,
    State.SHADOW: frozenset({State.GATING}) | CLOSED,
    # back to GATING when the effect never began (stop file at the last moment), or for the rung's next target
    State.RUNNING: frozenset(
        {State.VERIFYING, State.STEP_FAILED, State.INTERRUPTED, State.CANCELLED, State.GATING}
    ),
    State.INTERRUPTED: frozenset({State.VERIFYING, State.ESCALATED}),
    State.CANCELLED: frozenset({State.VERIFYING}) | CLOSED,
    State.STEP_FAILED: frozenset({State.GATING, State.NEXT_RUNG, State.ESCALATED}),
    # back to GATING when an interrupted, idempotent action did not help and is run again
    State.VERIFYING: frozenset(
        {
            *(State.HEALED_HOLD, State.DECAYING, State.NEXT_RUNG),
            *(State.INCONCLUSIVE, State.GATING, State.ESCALATED),
        }
    ),
    # what the direct checks saw may go dark meanwhile: INCONCLUSIVE
    State.DECAYING: frozenset(
        {State.HEALED_HOLD, State.VERIFYING, State.NEXT_RUNG, State.INCONCLUSIVE}
    ),
    State.HEALED_HOLD: frozenset({State.NEXT_RUNG}) | CLOSED,
    State.NEXT_RUNG: frozenset({State.GATING, State.ESCALATED}),
    State.INCONCLUSIVE: frozenset({State.ESCALATED}),
    State.ESCALATED: frozenset({State.ACKNOWLEDGED}) | CLOSED,
    State.ACKNOWLEDGED: CLOSED,
    # only when the same alert is back so soon that the repair cannot have lasted
    State.RESOLVED: frozenset({State.OPEN}),
    State.EXPIRED: frozenset(),
}


class IllegalMove(Exception):
    """A move that the table does not know: a bug in the receiver, never a fact of the world."""


def legal(now: State, to: State) -> None:
    """Raises IllegalMove unless `now → to` is in the table."""
    if to not in MOVES[now]:
        raise IllegalMove(f"{now} → {to} is not a legal move")


class Progress(Struct, frozen=True, gc=False, omit_defaults=True):
    """Where an incident stands inside its state; written with every move, so that a crash forgets nothing."""

    since: float = 0.0  # when the present state was entered
    target: int = 0  # which of the rung's targets is next
    passes: int = 0  # verification passes in a row
    verify_from: float | None = None  # when the present verification began
    result: str = ""  # outcome of the rung's last run
    blocked_since: float | None = None
    refused: tuple[str, ...] = ()  # reasons already told, so that each is told once
    approval: str = ""  # hash of the plan that an operator approved
    nonce: str = ""  # of the question that waits for an answer; begins with the hash of its plan
    acted: bool = False
    # the version that a rollback was proposed to: with another one it is another plan
    shown: str = ""
    level: int = 0  # how many steps of the escalation have been told
    returns: int = 0  # how often it was reopened
    returned_at: float | None = None  # when it last was
    tried_before: int = 0  # attempts of this rung before that


class Incident(Struct, frozen=True, gc=False):
    """The open problem people talk about. `plan` is the playbook as it was when the incident opened."""

    id: int
    key: str
    playbook: str
    state: State
    reason: Reason
    severity: str
    title: str
    targets: tuple[str, ...]
    episode: str
    opened_at: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    plan: Mapping[str, object]
    rung: int = 0
    attempt: int = 1
    resolved_at: float | None = None
    acknowledged_by: str | None = None
    progress: Progress = Progress()

    @property
    def manual(self) -> bool:
        """Whether an operator opened it. No playbook's key begins so."""
        return self.key.startswith(MANUAL)

    @property
    def scheduled(self) -> bool:
        """Whether a schedule opened it. No playbook's key begins so either."""
        return self.key.startswith(SCHEDULED)

    @property
    def unprompted(self) -> bool:
        """Whether no alert opened it, so that none says that it is over: it is when it is proven."""
        return self.manual or self.scheduled

    @property
    def step(self) -> str:
        """The name of its rung; nothing where no playbook answers."""
        ladder = self.plan.get("ladder")
        if not isinstance(ladder, list) or self.rung >= len(ladder):
            return ""
        return str(ladder[self.rung]["name"])

    @property
    def begun_at(self) -> float:
        """When the present stretch began: what is measured counts from here."""
        return self.opened_at if self.progress.returned_at is None else self.progress.returned_at

    @property
    def tries(self) -> int:
        """Attempts of the rung in the present stretch; `attempt` counts on, because it names a run."""
        return self.attempt - self.progress.tried_before

    def moved(self, to: State, reason: Reason, now: float, **progress: object) -> Incident:
        """This incident after the move; raises IllegalMove. Leaving BLOCKED keeps `blocked_since` for one ladder."""
        legal(self.state, to)
        closed = now if to in CLOSED else None
        after = changed(self.progress, since=now, **progress)
        return changed(self, state=to, reason=reason, resolved_at=closed, progress=after)

    def undone_by(self, now: float, window: float) -> bool:
        """Whether its alert, firing now, says that our repair did not last. What ended by itself begins anew."""
        healed = self.state is State.RESOLVED and self.reason is Reason.RECOVERED
        if not (healed and self.progress.acted) or self.resolved_at is None:
            return False
        return now - self.resolved_at <= window

    def reopened(self, episode: str, now: float) -> Incident:
        """The same incident in a new episode: the rung is kept, everything that was asked and told counts anew."""
        legal(self.state, State.OPEN)
        before = self.progress
        return changed(
            self,
            state=State.OPEN,
            reason=Reason.FIRING,
            episode=episode,
            attempt=self.attempt + 1,
            resolved_at=None,
            acknowledged_by=None,
            progress=Progress(
                since=now,
                returns=before.returns + 1,
                returned_at=now,
                tried_before=self.attempt,
            ),
        )


def ineffective(before: Incident, after: Incident) -> bool:
    """Whether this move says that a playbook's repair was in vain: a human is called to what was acted on."""
    called = after.state is State.ESCALATED and before.state is not State.ESCALATED
    return called and before.progress.acted and not before.unprompted
