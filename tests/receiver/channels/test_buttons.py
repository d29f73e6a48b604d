from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from receiver.channels.base import Question
from receiver.channels.buttons import (
    CAPTIONS,
    SEALED_MOST,
    Press,
    buttons,
    episode_mark,
    seal,
    unseal,
)
from tests.receiver.channels.notices import a_notice

KEY, PLACE = SecretStr("k" * 32), "C024BE91L"
NONCE = "0123456789abcdef.AbCd-_gh1234"
APPROVE = Press("approve", 12, NONCE)


def words(event: str, **changes: object) -> list[str]:
    notice = replace(a_notice(event=event), **changes)  # type: ignore[arg-type]  # named in the test
    return [press.word for press in buttons(notice)]


def test_a_question_is_answered_first() -> None:
    asked = Question(nonce=NONCE, plan="restart shop", until=1.0)
    assert words("approval_requested", question=asked) == [
        "approve",
        "deny",
        "acknowledge",
        "resolve",
        "pause",
    ]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("opened", ["acknowledge", "resolve", "pause"]),
        ("escalated", ["acknowledge", "resolve", "pause"]),
        ("acknowledged", ["resolve", "pause"]),
        ("healed", []),
        ("resolved", []),
        ("test", []),
    ],
)
def test_what_may_be_said_depends_on_what_is_told(event: str, said: list[str]) -> None:
    assert words(event) == said


def test_nothing_is_said_of_what_is_over_or_of_no_incident() -> None:
    assert words("escalated", ended=True) == words("opened", incident=0) == []
    assert words("release") == words("opened", incident=-3) == []


def test_a_button_says_what_it_was_made_for() -> None:
    assert unseal(seal(APPROVE, KEY, PLACE), KEY, PLACE) == APPROVE


def test_the_largest_button_still_fits_into_telegrams() -> None:
    for word in CAPTIONS:
        press = Press(word, 10**18 - 1, NONCE)
        assert len(seal(press, KEY, PLACE).encode()) <= SEALED_MOST


@pytest.mark.parametrize(("key", "place"), [("k" * 31, PLACE), ("k" * 32, "C0"), ("k" * 32, "")])
def test_a_button_of_another_channel_says_nothing(key: str, place: str) -> None:
    assert unseal(seal(APPROVE, KEY, PLACE), SecretStr(key), place) is None


@pytest.mark.parametrize("at", range(0, 45, 4))
def test_a_button_that_was_changed_says_nothing(at: int) -> None:
    sealed = seal(APPROVE, KEY, PLACE)
    other = "d" if sealed[at] != "d" else "p"
    assert unseal(sealed[:at] + other + sealed[at + 1 :], KEY, PLACE) is None


@given(st.text(max_size=80))
def test_whatever_is_pressed_is_ours_or_nothing(text: str) -> None:
    assert unseal(text, KEY, PLACE) is None


def test_an_incident_that_came_back_is_another_matter() -> None:
    assert episode_mark("f1@1700000000") != episode_mark("f1@1700000001")
