from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from receiver.decide.escalation import Escalation, Policy, parse_escalation, policy_name

STEPS = ((0.0, ("pager",)), (900.0, ("lead",)), (3600.0, ("cto",)))
ONCE, AGAIN = Policy(STEPS), Policy(STEPS, repeat=1800.0)


def read(value: Any) -> Escalation:
    return TypeAdapter(Escalation).validate_python(parse_escalation(value))


def test_a_list_is_a_policy_that_ends_with_its_last_step() -> None:
    policy = read([{"after": "0m", "notify": ["pager"]}])
    assert (policy.steps[0].notify, policy.repeat) == (("pager",), None)


def test_a_mapping_says_how_often_the_last_step_is_repeated() -> None:
    policy = read({"steps": [{"after": "0m", "notify": ["pager"]}], "repeat": "30m"})
    assert policy.repeat == 1800.0


def test_what_is_written_out_is_read_again() -> None:
    policy = read({"steps": [{"after": "5m", "notify": ["pager"]}], "repeat": "30m"})
    assert read(policy.model_dump(mode="json")) == policy


@pytest.mark.parametrize(
    "wrong", [[], {"steps": []}, {"repeat": "30m"}, "pager", None, [{"after": "5m"}]]
)
def test_what_is_no_policy_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        read(wrong)


def test_the_calls_come_one_after_the_other() -> None:
    assert [ONCE.call(level) for level in range(4)] == [*STEPS, None]
    assert AGAIN.call(3) == (5400.0, ("cto",))
    assert AGAIN.call(4) == (7200.0, ("cto",))


def test_repeats_that_nobody_was_there_to_make_are_not_made_up_for() -> None:
    assert AGAIN.following(3, 5400.0) == 4
    level = AGAIN.following(3, 5400.0 + 10 * 1800)
    coming = AGAIN.call(level)
    assert coming is not None
    assert coming[0] == 5400.0 + 11 * 1800


@given(st.floats(0, 1e6), st.integers(0, 20))
def test_after_a_call_the_next_one_of_a_policy_that_repeats_is_later(
    waited: float, level: int
) -> None:
    call = AGAIN.call(level)
    assert call is not None
    if waited >= call[0]:
        following = AGAIN.call(AGAIN.following(level, waited))
        assert following is not None
        assert following[0] > call[0]
        assert level < len(STEPS) or following[0] > waited


def test_who_is_told_what_comes_next_hears_of_the_next_repeat() -> None:
    assert ONCE.calls(1e5) == STEPS
    assert AGAIN.calls(0.0)[-1] == (5400.0, ("cto",))
    assert AGAIN.calls(9000.0)[-1] == (10800.0, ("cto",))
    assert Policy().calls(5.0) == ()


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (None, None),
        ("oncall", "oncall"),
        ({"critical": "oncall"}, "oncall"),
        ({"warning": "x"}, None),
    ],
)
def test_a_policy_can_be_for_one_severity(said: object, name: str | None) -> None:
    assert policy_name({"escalate": said}, "critical") == name
