"""One rollback as the ledger remembers it: from where, to where, and how far it has come.

It is written before anything is touched. Whoever takes over from a receiver that died reads it and goes on towards the
same version; nothing is chosen anew, and every step is judged in the transaction that read the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from receiver.decide.guards import Answer, Decision
from receiver.decide.ledger import NotThat
from receiver.decide.reason import Reason
from receiver.decide.release import Release, ReleaseState, current, frozen
from receiver.decide.rollback import Attempt, RollbackFacts, may_roll_back


class Step(StrEnum):
    """How far a rollback has come."""

    GOING_BACK = "going_back"
    # it did not succeed: the version it began with is put forward again, once
    PUTTING_BACK = "putting_back"
    ROLLED_BACK = "rolled_back"
    RESTORED = "restored"
    STUCK = "stuck"  # neither of the two is proven: a human's
    NOTHING_DONE = "nothing_done"


STEPS: Final[Mapping[Step, frozenset[Step]]] = {
    Step.GOING_BACK: frozenset(
        {Step.PUTTING_BACK, Step.ROLLED_BACK, Step.STUCK, Step.NOTHING_DONE}
    ),
    Step.PUTTING_BACK: frozenset({Step.RESTORED, Step.STUCK}),
    Step.ROLLED_BACK: frozenset(),
    Step.RESTORED: frozenset(),
    Step.STUCK: frozenset(),
    Step.NOTHING_DONE: frozenset(),
}
UNDER_WAY = frozenset({Step.GOING_BACK, Step.PUTTING_BACK})


class IllegalStep(Exception):
    """A mistake in the program: no rollback may go on so."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """From `version`, whose deploy is the release of that id, to the version `to`. Times in unix seconds; `id` is the
    journal's, 0 before it is written."""

    target: str
    release: int
    version: str
    to: str
    incident: int
    action_id: str
    began_at: float
    step: Step = Step.GOING_BACK
    reached: int = 0  # how many of its machines may have been touched
    ended_at: float | None = None
    why: str = ""
    id: int = 0

    @property
    def under_way(self) -> bool:
        """Whether it has begun and not ended."""
        return self.step in UNDER_WAY


@dataclass(frozen=True, slots=True)
class Stride:
    """What is to be written: the rollback, releases that it changes (an `id` of 0 is new), and one audit row's data.

    Without a row nothing is changed.
    """

    rollback: Rollback
    releases: tuple[Release, ...] = ()
    row: Mapping[str, object] | None = None


Tread = Callable[[Sequence[Release], Sequence[Rollback]], Stride]


class GateShut(NotThat):
    """The gate says no, or not now, or that a human has to be asked."""

    def __init__(self, decision: Decision, target: str) -> None:
        super().__init__(str(decision.reason), f"{target} is not rolled back: {decision.reason}")
        self.decision = decision


def attempts(past: Sequence[Rollback], but: str = "") -> tuple[Attempt, ...]:
    """Those that touched something, except the one of the action `but`, which is gone on with."""
    return tuple(
        Attempt(one.release, one.began_at)
        for one in past
        if one.step is not Step.NOTHING_DONE and one.action_id != but
    )


def unsettled(releases: Sequence[Release], past: Sequence[Rollback]) -> Rollback | None:
    """The rollback after which nobody knows what serves, until a human lifts the freeze that it left."""
    last = past[-1] if past else None
    if last is None or last.step not in UNDER_WAY | {Step.STUCK}:
        return None
    return last if last.under_way or frozen(releases) is not None else None


def begun(asked: Rollback, facts: RollbackFacts) -> Tread:
    """It begins, unless the gate shuts now; one that this action began before is the same. Deploys are frozen with it."""

    def stride(releases: Sequence[Release], past: Sequence[Rollback]) -> Stride:
        known = next((one for one in past if one.action_id == asked.action_id), None)
        if known is not None:
            return Stride(known)
        fresh = replace(facts, releases=tuple(releases), attempts=attempts(past))
        decision = may_roll_back(fresh)
        other = unsettled(releases, past)
        if other is not None and other.under_way:
            decision = Decision(Answer.WAIT, Reason.TARGET_BUSY)
        serving, goes_to = current(releases), fresh.goes_to
        if decision.answer is not Answer.GO or serving is None or goes_to is None:
            raise GateShut(decision, asked.target)
        if (serving.id, goes_to.version) != (asked.release, asked.to):
            raise NotThat(
                str(Reason.CONFIG_CHANGED),
                f"while {asked.to} was looked at, the ledger of {asked.target} changed",
            )
        shut = replace(serving, frozen_at=asked.began_at)
        return Stride(asked, (shut,), _row(asked))

    return stride


def reached(action_id: str, machines: int) -> Tread:
    """So many of its machines may have been touched from now on."""

    def stride(releases: Sequence[Release], past: Sequence[Rollback]) -> Stride:
        before = _own(past, action_id)
        if before.reached >= machines:
            return Stride(before)
        moved = replace(before, reached=machines)
        return Stride(moved, (), _row(moved))

    return stride


def failed(action_id: str, why: str) -> Tread:
    """The other version is not proven: what served before is put forward again, once."""
    return _on(action_id, Step.PUTTING_BACK, why)


def stuck(action_id: str, why: str, at: float) -> Tread:
    """Nobody knows what serves."""
    return _on(action_id, Step.STUCK, why, at)


def restored(action_id: str, why: str, at: float) -> Tread:
    """What served before is proven to serve again."""
    return _on(action_id, Step.RESTORED, why, at)


def not_done(action_id: str, why: str, at: float) -> Tread:
    """Surely nothing was touched: deploys go on."""

    def stride(releases: Sequence[Release], past: Sequence[Rollback]) -> Stride:
        moved = _stepped(_own(past, action_id), Step.NOTHING_DONE, why, at)
        began_with = [one for one in releases if one.id == moved.release]
        return Stride(moved, tuple(replace(one, frozen_at=None) for one in began_with), _row(moved))

    return stride


def arrived(action_id: str, at: float, note: Mapping[str, object]) -> Tread:
    """The other version is proven to serve: it has an entry of its own, and the bad one is never deployed again."""

    def stride(releases: Sequence[Release], past: Sequence[Rollback]) -> Stride:
        before = _own(past, action_id)
        if before.step is Step.ROLLED_BACK:
            return Stride(before)  # said twice
        moved = _stepped(before, Step.ROLLED_BACK, "", at)
        bad = next(one for one in releases if one.id == moved.release)
        good = [one for one in releases if one.version == moved.to][-1]
        live = Release(
            target=bad.target,
            version=good.version,
            state=ReleaseState.WATCHING,
            deployed_at=moved.began_at,
            by=f"incident {moved.incident}",
            commit=good.commit,
            finished_at=at,
            proven_at=at,
            compatible_down_to=good.compatible_down_to,
            rollback=True,
        )
        serving = current(releases)
        changed = [_left(bad, moved.began_at)]
        if serving is not None and serving.id != bad.id:
            changed.append(replace(serving, replaced_at=moved.began_at))
        return Stride(moved, (*changed, live), {**_row(moved), **note})

    return stride


def commits(releases: Sequence[Release], rollback: Rollback) -> str:
    """`good..bad` as git reads it; empty where CI did not say both."""
    of = {one.version: one.commit for one in releases if one.commit is not None}
    good, bad = of.get(rollback.to), of.get(rollback.version)
    return f"{good}..{bad}" if good and bad else ""


def _left(bad: Release, at: float) -> Release:
    shut = bad.state is ReleaseState.QUARANTINED
    return replace(bad if shut else bad.moved(ReleaseState.ROLLED_BACK), replaced_at=at)


def _on(action_id: str, to: Step, why: str, at: float | None = None) -> Tread:
    def stride(releases: Sequence[Release], past: Sequence[Rollback]) -> Stride:
        before = _own(past, action_id)
        if before.step is to:
            return Stride(before)  # said twice
        moved = _stepped(before, to, why, at)
        return Stride(moved, (), _row(moved))

    return stride


def _own(past: Sequence[Rollback], action_id: str) -> Rollback:
    return next(one for one in past if one.action_id == action_id)


def _stepped(before: Rollback, to: Step, why: str, at: float | None) -> Rollback:
    if to not in STEPS[before.step]:
        raise IllegalStep(f"rollback {before.id} cannot go from {before.step} to {to}")
    return replace(before, step=to, why=why[:500] or before.why, ended_at=at)


def _row(rollback: Rollback) -> Mapping[str, object]:
    said = {
        "incident": rollback.incident,
        "aid": rollback.action_id,
        "target": rollback.target,
        "version": rollback.version,
        "to": rollback.to,
        "step": str(rollback.step),
        "machine": rollback.reached,
        "why": rollback.why,
    }
    return {key: value for key, value in said.items() if value not in {"", 0}}
