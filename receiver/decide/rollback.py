"""May a target go back to an earlier release? One question over facts that were read at one moment, and a reason for every no.

What refuses outweighs what a human may allow: nobody is asked about what would be refused anyway. Among equals the
order of the table decides. An approval answers what asks; it does not answer what refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from receiver.decide.guards import Answer, Decision
from receiver.decide.launch import HOUR
from receiver.decide.reason import Reason
from receiver.decide.release import (
    SOAK,
    Release,
    current,
    frozen,
    in_flight,
    known_good,
    schema_allows,
    trusted,
)

DAY = 24 * HOUR
ANY = 1 << 31


@dataclass(frozen=True, slots=True)
class Attempt:
    """A rollback that was begun: of which release, by its id, and when. Also one that did not end well counts."""

    release: int
    began_at: float


@dataclass(frozen=True, slots=True)
class RollbackFacts:
    """All that the gate knows. `releases` is the target's ledger, oldest first; None is what could not be measured."""

    now: float
    releases: tuple[Release, ...]
    alert_began: float | None  # the earliest of the incident's alerts; None where no alert asks
    armed: bool = False  # the strictest mode of the rung is `auto`
    approved: bool = False
    vouched: bool = False  # an operator asks for it
    within: float = 72 * HOUR
    healthy_before: bool | None = None
    enough_traffic: bool | None = None
    # the same alert, where this release is not; False if there is no elsewhere
    failing_elsewhere: bool | None = None
    dependency: str | None = None  # an open alert that `gate.blocked_by` names
    locked: bool = False  # a deploy script holds the lock on the releases
    soak: float = SOAK
    wanted: str | None = None  # the version that an operator named; None = the last known good
    attempts: tuple[Attempt, ...] = ()
    max_per_deploy: int = 1
    max_per_day: int = 2

    @property
    def goes_to(self) -> Release | None:
        """The release that would be gone back to, if any may be."""
        if self.wanted is None:
            return known_good(self.releases, self.now, self.soak)
        serving = current(self.releases)
        if serving is not None and serving.version == self.wanted:
            return None
        found = [
            one for one in trusted(self.releases, self.now, self.soak) if one.version == self.wanted
        ]
        return found[-1] if found else None


Gate = Callable[[RollbackFacts, Release], Decision | None]


def _no(reason: Reason) -> Decision:
    return Decision(Answer.ESCALATE, reason)


def _ask(reason: Reason) -> Decision:
    return Decision(Answer.ASK, reason)


def armed(facts: RollbackFacts, serving: Release) -> Decision | None:
    """Nothing is rolled back that nobody has said may be."""
    return None if facts.armed else _ask(Reason.NOT_ARMED)


def inside_the_watch(facts: RollbackFacts, serving: Release) -> Decision | None:
    """What has served for days is not what broke it now."""
    age = facts.now - serving.deployed_at
    return None if age <= facts.within else _no(Reason.OUTSIDE_WATCH)


def broke_after_the_deploy(facts: RollbackFacts, serving: Release) -> Decision | None:
    """What was broken before cannot be the release's doing. Where no alert asks, an operator vouches for it."""
    if facts.alert_began is None or facts.alert_began > serving.deployed_at:
        return None
    return _no(Reason.BEFORE_DEPLOY)


def healthy_before(facts: RollbackFacts, serving: Release) -> Decision | None:
    """The same by the metrics; what they cannot say, or say of no traffic, a human has to."""
    if facts.healthy_before is False:
        return _no(Reason.UNHEALTHY_BEFORE)
    if facts.healthy_before is None or not facts.enough_traffic:
        return _ask(Reason.NO_DATA)
    return None


def only_here(facts: RollbackFacts, serving: Release) -> Decision | None:
    """What also fails where the release is not has another cause."""
    if facts.failing_elsewhere is None:
        return _ask(Reason.NO_DATA)
    return _no(Reason.FAILING_ELSEWHERE) if facts.failing_elsewhere else None


def independent(facts: RollbackFacts, serving: Release) -> Decision | None:
    """Any release is sick while its database is down; this one may be judged when that is over."""
    if facts.dependency is None:
        return None
    return Decision(Answer.WAIT, Reason.DEPENDENCY_OPEN)


def known_to_be_good(facts: RollbackFacts, serving: Release) -> Decision | None:
    """From a bad release to an unknown one is no way back."""
    return None if facts.goes_to is not None else _no(Reason.NO_KNOWN_GOOD)


def schema_compatible(facts: RollbackFacts, serving: Release) -> Decision | None:
    """Old code on a new database loses data; unless the releases said that it does not, a human decides."""
    goes_to = facts.goes_to
    if goes_to is not None and schema_allows(facts.releases, goes_to.version):
        return None
    return _ask(Reason.SCHEMA_INCOMPATIBLE)


def nobody_deploys(facts: RollbackFacts, serving: Release) -> Decision | None:
    """Two who move the same files leave a third version behind."""
    if in_flight(facts.releases, facts.now) is None and not facts.locked:
        return None
    return Decision(Answer.WAIT, Reason.DEPLOY_IN_FLIGHT)


def once_per_deploy(facts: RollbackFacts, serving: Release) -> Decision | None:
    """What was tried and put back is not tried again."""
    tried = sum(one.release == serving.id for one in facts.attempts)
    return None if tried < facts.max_per_deploy else _no(Reason.ALREADY_ROLLED_BACK)


def not_a_rollback(facts: RollbackFacts, serving: Release) -> Decision | None:
    """If the way back did not help, one further back will not."""
    return _no(Reason.ROLLBACK_OF_ROLLBACK) if serving.rollback else None


def within_budget(facts: RollbackFacts, serving: Release) -> Decision | None:
    """A day with many rollbacks is a day for a human."""
    today = sum(one.began_at > facts.now - DAY for one in facts.attempts)
    return None if today < facts.max_per_day else _no(Reason.ROLLBACK_BUDGET)


def not_frozen(facts: RollbackFacts, serving: Release) -> Decision | None:
    """What a human has to look at first is not moved again."""
    shut = frozen(facts.releases) is not None and not facts.vouched
    return _no(Reason.FROZEN) if shut else None


GATES: tuple[Gate, ...] = (
    armed,
    not_a_rollback,
    inside_the_watch,
    broke_after_the_deploy,
    healthy_before,
    only_here,
    independent,
    known_to_be_good,
    schema_compatible,
    nobody_deploys,
    once_per_deploy,
    within_budget,
    not_frozen,
)


def by_hand(facts: RollbackFacts) -> RollbackFacts:
    """The facts of what an operator asks for: he vouches for what only an alert and metrics could say."""
    return replace(
        facts,
        alert_began=None,
        armed=True,
        approved=True,
        vouched=True,
        within=inf,
        healthy_before=True,
        enough_traffic=True,
        failing_elsewhere=False,
        dependency=None,
        max_per_deploy=ANY,
        max_per_day=ANY,
    )


def may_roll_back(facts: RollbackFacts) -> Decision:
    """Go, wait, ask a human, or no."""
    serving = current(facts.releases)
    if serving is None:
        return _no(Reason.NO_RELEASE)
    said = [one for one in (gate(facts, serving) for gate in GATES) if one is not None]
    refusals = [one for one in said if one.answer is not Answer.ASK]
    if refusals:
        return refusals[0]
    if said and not facts.approved:
        return said[0]
    return Decision(Answer.GO, Reason.ALLOWED)


def together(said: Decision, gate: Decision | None) -> Decision:
    """What the guards and the gate come to: what refuses outweighs a question, and shadow decides like the others."""
    if gate is None or said.answer not in {Answer.GO, Answer.ASK, Answer.SHADOW}:
        return said
    if gate.answer in {Answer.ESCALATE, Answer.WAIT}:
        return gate
    if said.answer is Answer.SHADOW or gate.answer is Answer.GO:
        return said
    return said if said.answer is Answer.ASK and gate.reason is Reason.NOT_ARMED else gate
