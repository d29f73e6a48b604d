"""What says no. Each guard looks at the same facts and gives a reason or nothing; the first reason decides.

They are read inside the transaction that would grant the permission to act, so that two receivers, or two incidents,
cannot both be allowed by the same facts. Order is by how much harm a wrong yes would do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from receiver.decide.plan import Mode
from receiver.decide.reason import Reason


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `window` seconds."""

    count: int
    window: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be done before a human must look (I3, I11)."""

    per_target: Rate = Rate(3, 3600.0)
    everywhere: Rate = Rate(10, 3600.0)
    disruptive_at_once: int = 1
    max_unhealthy_ratio: float = 0.4
    max_age: float = 900.0
    storm: Rate = Rate(100, 300.0)
    flap: Rate = Rate(10, 3600.0)
    breaker: Rate = Rate(5, 3600.0)


STORM = "storm"  # the scope that is frozen while one lasts


@dataclass(frozen=True, slots=True)
class Freeze:
    """A scope in which nothing is done until a time: `target:<name>`, `playbook:<name>`, `storm` or `global`."""

    scope: str
    until: float


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the guards know, read at one moment. Times in unix seconds; run times are when they began."""

    now: float
    mode: Mode
    target: str
    playbook: str = ""
    target_known: bool = True
    facet: bool = True  # whether the target has the facet that the action needs
    stop_file: bool = False
    paused: bool = False
    firing: bool = True
    maintenance: float | None = None  # when the windows that cover every open alert end
    last_seen: float = 0.0  # when any open alert of the incident was last received or confirmed
    silenced: bool = False
    inhibited: bool = False
    dependency: str | None = None  # an open alert that `blocked_by` names
    cooldown: float = 0.0
    ladder_acted_at: float | None = None  # by this playbook on this target, before this incident
    episodes: int = 0  # within `limits.flap`, of the open alert that had most
    ineffective: tuple[float, ...] = ()  # when this playbook's repairs were found to be in vain
    busy_targets: frozenset[str] = frozenset()
    disruptive: bool = True
    disruptive_running: int = 0
    target_runs: tuple[float, ...] = ()
    all_runs: tuple[float, ...] = ()
    frozen: tuple[Freeze, ...] = ()
    unhealthy: int = 0  # targets of the same group that have an open incident, this one included
    group_size: int = 0
    approved: bool = False
    limits: Limits = Limits()


class Answer(StrEnum):
    """What the guards answer."""

    GO = "go"
    WAIT = "wait"
    ASK = "ask"
    SHADOW = "shadow"
    ESCALATE = "escalate"
    OVER = "over"  # the alert is gone: nothing is left to do


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer with its reason; `until` is when a wait may end by itself, `freeze` what it shuts."""

    answer: Answer
    reason: Reason
    until: float | None = None
    freeze: Freeze | None = None


Guard = Callable[[Facts], Decision | None]


def _wait(reason: Reason, until: float | None = None) -> Decision:
    return Decision(Answer.WAIT, reason, until)


def unattended(facts: Facts) -> Decision | None:
    """I9: what people work on is theirs. Before all that could call a human: that one knows already."""
    return None if facts.maintenance is None else _wait(Reason.MAINTENANCE, facts.maintenance)


def known_target(facts: Facts) -> Decision | None:
    """I12: an empty, `*`, unknown or option-like target is never acted on."""
    if facts.target_known and facts.target and facts.target != "*" and facts.target[0] != "-":
        return None
    return Decision(Answer.ESCALATE, Reason.UNKNOWN_TARGET)


def able_target(facts: Facts) -> Decision | None:
    """A target without what the action works on is a mistake in the config: a human's to mend."""
    return None if facts.facet else Decision(Answer.ESCALATE, Reason.FACET_MISSING)


def switched_on(facts: Facts) -> Decision | None:
    """I10: the kill switch, as a file or by the API."""
    if facts.stop_file:
        return _wait(Reason.STOP_FILE)
    return _wait(Reason.PAUSED) if facts.paused else None


def still_firing(facts: Facts) -> Decision | None:
    """I9: nothing is repaired that is no longer broken."""
    return None if facts.firing else Decision(Answer.OVER, Reason.RESOLVED)


def fresh(facts: Facts) -> Decision | None:
    """I9: what was last heard of too long ago may be long over."""
    return _wait(Reason.STALE) if facts.now - facts.last_seen > facts.limits.max_age else None


def audible(facts: Facts) -> Decision | None:
    """I9: what people have silenced, or another alert explains, is not repaired."""
    if facts.silenced:
        return _wait(Reason.SILENCED)
    return _wait(Reason.INHIBITED) if facts.inhibited else None


def independent(facts: Facts) -> Decision | None:
    """A repair is pointless while something that the target needs is down."""
    return _wait(Reason.DEPENDENCY_OPEN) if facts.dependency is not None else None


def not_a_common_cause(facts: Facts) -> Decision | None:
    """I11: when much of a group is sick at once the cause lies elsewhere; a group under three says nothing."""
    if facts.group_size < 3 or facts.unhealthy < 2:
        return None
    if facts.unhealthy / facts.group_size <= facts.limits.max_unhealthy_ratio:
        return None
    return Decision(Answer.ESCALATE, Reason.COMMON_CAUSE)


def steady(facts: Facts) -> Decision | None:
    """What comes and goes again and again is not cured by what was done each time."""
    if facts.episodes <= facts.limits.flap.count:
        return None
    return Decision(Answer.ESCALATE, Reason.FLAPPING)


def effective(facts: Facts) -> Decision | None:
    """A playbook that does not help is stopped, until nothing was in vain for a whole window or a human resumes."""
    scope = f"playbook:{facts.playbook}"
    shut = _shut(facts, {scope})
    if shut is not None:
        return _wait(Reason.BREAKER_OPEN, shut)
    rate = facts.limits.breaker
    recent = [at for at in facts.ineffective if at > facts.now - rate.window]
    if not recent or len(recent) < rate.count:
        return None
    until = max(recent) + rate.window
    return Decision(Answer.WAIT, Reason.BREAKER_OPEN, until, Freeze(scope, until))


def thawed(facts: Facts) -> Decision | None:
    """A frozen scope stays shut until its time, whatever the counters say meanwhile."""
    shut = _shut(facts, {"global", f"target:{facts.target}"})
    return None if shut is None else _wait(Reason.FROZEN, shut)


def _shut(facts: Facts, scopes: Collection[str]) -> float | None:
    """Until when one of these scopes is frozen."""
    until = [one.until for one in facts.frozen if one.scope in scopes and one.until > facts.now]
    return max(until, default=None)


def calm(facts: Facts) -> Decision | None:
    """In a storm of incidents the cause is common and unknown: repairs wait until it is over."""
    shut = _shut(facts, {STORM})
    return None if shut is None else _wait(Reason.STORM, shut)


def storm(first: float | None, rate: Rate, now: float) -> Freeze | None:
    """A freeze when `first`, the opening of the incident that is `rate.count` ones back, is not older than the window."""
    if first is None or first <= now - rate.window:
        return None
    return Freeze(STORM, first + rate.window)


def within_limits(facts: Facts) -> Decision | None:
    """I3: too many actions on one target, or altogether, freeze that scope and call a human once."""
    return _limited(
        facts.target_runs,
        facts.limits.per_target,
        facts.now,
        f"target:{facts.target}",
        Reason.LIMIT_TARGET,
    ) or _limited(facts.all_runs, facts.limits.everywhere, facts.now, "global", Reason.LIMIT_GLOBAL)


def _limited(
    runs: Sequence[float], rate: Rate, now: float, scope: str, reason: Reason
) -> Decision | None:
    recent = sorted(began for began in runs if began > now - rate.window)
    if len(recent) < rate.count:
        return None
    # thaws when enough of the runs have left the window; a limit of 0 never does by itself
    until = recent[len(recent) - rate.count] + rate.window if rate.count else now + rate.window
    return Decision(Answer.WAIT, reason, until, Freeze(scope, until))


def cooled_down(facts: Facts) -> Decision | None:
    """The same playbook does not begin again on the same target so soon; a ladder under way climbs on."""
    if facts.ladder_acted_at is None:
        return None
    until = facts.ladder_acted_at + facts.cooldown
    return _wait(Reason.COOLDOWN, until) if until > facts.now else None


def not_busy(facts: Facts) -> Decision | None:
    """I2: one action at a time per target, and few disruptive ones at once anywhere (I3)."""
    if facts.target in facts.busy_targets:
        return _wait(Reason.TARGET_BUSY)
    if facts.disruptive and facts.disruptive_running >= facts.limits.disruptive_at_once:
        return _wait(Reason.DISRUPTIVE_BUSY)
    return None


def permitted(facts: Facts) -> Decision | None:
    """Last, so that shadow mode takes the same decisions as the others (I16)."""
    if facts.mode is Mode.SHADOW:
        return Decision(Answer.SHADOW, Reason.SHADOW)
    if facts.mode is Mode.APPROVE and not facts.approved:
        return Decision(Answer.ASK, Reason.APPROVAL_REQUIRED)
    return None


GUARDS: tuple[Guard, ...] = (
    still_firing,
    unattended,
    known_target,
    able_target,
    switched_on,
    fresh,
    audible,
    independent,
    not_a_common_cause,
    steady,
    effective,
    calm,
    thawed,
    cooled_down,
    within_limits,
    not_busy,
    permitted,
)


def by_itself(facts: Facts) -> Facts:
    """The facts of what no alert asks for: it stands for the alert, which is neither over nor stale."""
    return replace(facts, firing=True, last_seen=facts.now)


def by_hand(facts: Facts) -> Facts:
    """The same for a repair that an operator asked for: he knows of the storm."""
    shut = tuple(one for one in facts.frozen if one.scope != STORM)
    return replace(by_itself(facts), frozen=shut)


def decide(facts: Facts) -> Decision:
    """May this action begin now?"""
    for guard in GUARDS:
        refusal = guard(facts)
        if refusal is not None:
            return refusal
    return Decision(Answer.GO, Reason.ALLOWED)
