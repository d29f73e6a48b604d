"""The guards together: each counts, the order is meant, and no set of facts slips through."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide import guards
from receiver.decide.guards import GUARDS, Answer, Decision, Facts, Freeze, decide
from receiver.decide.plan import Mode
from receiver.decide.reason import Reason
from tests.receiver.builders import NOW, the_facts

FREE = the_facts()
NO: dict[guards.Guard, dict[str, object]] = {
    guards.still_firing: {"firing": False},
    guards.unattended: {"maintenance": NOW + 60},
    guards.known_target: {"target_known": False},
    guards.able_target: {"facet": False},
    guards.switched_on: {"paused": True},
    guards.fresh: {"last_seen": 0.0},
    guards.audible: {"silenced": True},
    guards.independent: {"dependency": "PostgresDown"},
    guards.not_a_common_cause: {"unhealthy": 3, "group_size": 3},
    guards.steady: {"episodes": 11},
    guards.effective: {"playbook": "repair", "ineffective": (NOW - 9,) * 5},
    guards.calm: {"frozen": (Freeze("storm", NOW + 9),)},
    guards.thawed: {"frozen": (Freeze("global", NOW + 9),)},
    guards.cooled_down: {"ladder_acted_at": NOW - 1, "cooldown": 60.0},
    guards.within_limits: {"all_runs": tuple(NOW - n for n in range(10))},
    guards.not_busy: {"busy_targets": frozenset({"api"})},
    guards.permitted: {"mode": Mode.SHADOW},
}


def test_every_guard_there_is_stands_guard() -> None:
    assert set(NO) == set(GUARDS)


@pytest.mark.parametrize("guard", list(NO), ids=lambda guard: guard.__name__)
def test_each_guard_alone_can_say_no(guard: guards.Guard) -> None:
    facts = replace(FREE, **NO[guard])  # type: ignore[arg-type]  # checked by replace
    assert decide(facts) == guard(facts)
    assert [other for other in GUARDS if other(facts) is not None] == [guard]


@pytest.mark.parametrize("first", range(len(GUARDS)))
def test_the_guard_that_prevents_more_harm_speaks_first(first: int) -> None:
    """With every later guard objecting as well, the first one's reason is given."""
    no: dict[str, object] = {}
    for guard in reversed(GUARDS[first:]):
        no |= NO[guard]
    facts = replace(FREE, **no)  # type: ignore[arg-type]  # checked by replace
    assert decide(facts) == GUARDS[first](facts)


moments = st.integers(-7200, 60).map(lambda ago: NOW + ago)
runs = st.lists(moments, max_size=12).map(tuple)
anything = st.builds(
    Facts,
    now=st.just(NOW),
    mode=st.sampled_from(Mode),
    target=st.sampled_from(["api", "worker", "", "*", "-x"]),
    playbook=st.sampled_from(["repair", "other"]),
    target_known=st.booleans(),
    facet=st.booleans(),
    stop_file=st.booleans(),
    paused=st.booleans(),
    firing=st.booleans(),
    last_seen=moments,
    silenced=st.booleans(),
    inhibited=st.booleans(),
    dependency=st.sampled_from([None, "PostgresDown"]),
    cooldown=st.sampled_from([0.0, 600.0]),
    ladder_acted_at=st.none() | moments,
    episodes=st.integers(0, 12),
    ineffective=runs,
    busy_targets=st.frozensets(st.sampled_from(["api", "worker"])),
    disruptive=st.booleans(),
    disruptive_running=st.integers(0, 2),
    target_runs=runs,
    all_runs=runs,
    frozen=st.lists(
        st.builds(Freeze, st.sampled_from(["global", "target:api", "playbook:repair"]), moments),
        max_size=2,
    ).map(tuple),
    unhealthy=st.integers(0, 5),
    group_size=st.integers(0, 5),
    approved=st.booleans(),
)
mostly_free = st.builds(
    lambda facts, names: replace(FREE, **{name: getattr(facts, name) for name in names}),
    anything,
    st.sets(st.sampled_from([name for name in Facts.__slots__ if name not in {"now", "limits"}])),
)


@given(anything | mostly_free)
def test_go_is_said_only_when_no_guard_objects(facts: Facts) -> None:
    objections = [guard(facts) for guard in GUARDS]
    assert (decide(facts).answer is Answer.GO) is all(each is None for each in objections)


@given(anything | mostly_free)
def test_i16_shadow_takes_the_same_decisions(facts: Facts) -> None:
    """Where auto would go, shadow says shadow; where auto would not, shadow says the very same."""
    auto = decide(replace(facts, mode=Mode.AUTO))
    shadow = decide(replace(facts, mode=Mode.SHADOW))
    if auto.answer is Answer.GO:
        assert shadow == Decision(Answer.SHADOW, Reason.SHADOW)
    else:
        assert shadow == auto


@given(anything | mostly_free)
def test_a_wait_that_ends_by_itself_ends_in_the_future(facts: Facts) -> None:
    until = decide(facts).until
    assert until is None or until > facts.now
