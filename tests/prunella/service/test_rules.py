from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Annotated

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from prunella.service.problems import problems_of
from prunella.service.rules import Rule, as_far_as_known, as_known, is_given
from prunella.service.settings import Secret, Settings


class Proof(Settings):
    url: Annotated[str, Field(pattern="^http")] | None = None
    member: Annotated[str | None, Field(alias="json")] = None

    @Rule
    def _together(self) -> Iterator[str]:
        if is_given(self, "url") is not is_given(self, "member"):
            yield "url and json belong together"


class Login(Settings):
    password: Annotated[Secret, Field(min_length=8)] | None = None
    host: str
    port: Annotated[int, Field(ge=1)] = 25
    users: tuple[str, ...] = ()
    proof: Proof | None = None

    @Rule
    def _not_in_the_clear(self) -> Iterator[str]:
        if is_given(self, "password") and self.port == 25:
            yield "port 25 would send the password in the clear"

    @Rule
    def _has_a_proof(self) -> Iterator[str]:
        if is_given(self, "users") and not (self.proof and is_given(self.proof, "url")):
            yield "users need a proof"


class Mail(Login):
    sender: str = ""

    @Rule
    def _is_somebody(self) -> Iterator[str]:
        if self.sender == self.host:
            yield "nobody is the host"


def said(keys: dict[str, object], model: type[Settings] = Login) -> list[str]:
    try:
        model.model_validate(keys)
    except ValidationError as error:
        return [str(problem) for problem in problems_of(error, keys, "config")]
    return []


def test_what_goes_together_is_a_value() -> None:
    assert said({"host": "a", "password": "hunter2hunter2", "port": 587}) == []


def test_a_broken_rule_is_told_of_the_block() -> None:
    why = "config: port 25 would send the password in the clear"
    assert said({"host": "a", "password": "hunter2hunter2"}) == [why]


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"host": "a", "password": "hunter2"}, "password"),
        ({"host": 1, "password": "hunter2hunter2"}, "host"),
        ({"password": "hunter2hunter2"}, "host"),
        ({"host": "a", "password": "hunter2hunter2", "hots": 1}, "hots"),
        ({"host": "a", "password_file": "/nowhere"}, "password_file"),
        ({"host": "a", "password": "hunter2hunter2", "proof": {"uri": 1}}, "proof.uri"),
    ],
)
def test_a_mistake_in_any_key_hides_no_rule(keys: dict[str, object], path: str) -> None:
    found = said(keys)
    assert len(found) == 2
    assert found[0].startswith(f"{path}: ")
    assert found[1] == "config: port 25 would send the password in the clear"


def test_a_rule_that_needs_a_wrong_value_waits_for_a_good_one() -> None:
    found = said({"host": "a", "password": "hunter2hunter2", "port": 0})
    assert [one.partition(":")[0] for one in found] == ["port"]


def test_a_rule_that_waits_holds_up_no_other() -> None:
    found = said({"host": "a", "password": "hunter2hunter2", "port": 0, "users": ["ann"]})
    assert found[1:] == ["config: users need a proof"]


def test_a_block_within_is_known_as_far_as_it_is_right() -> None:
    proof = {"url": "http://x", "json": 1}
    assert [one.partition(":")[0] for one in said({"host": "a", "users": ["b"], "proof": proof})] == ["proof.json"]  # fmt: skip


def test_a_block_within_that_breaks_a_rule_of_its_own_is_known() -> None:
    assert said({"host": "a", "users": ["b"], "proof": {"json": "x"}}) == [
        "proof: url and json belong together",
        "config: users need a proof",
    ]


def test_a_rule_holds_for_what_inherits_it() -> None:
    assert said({"host": "a", "password": "hunter2hunter2", "sender": "a"}, Mail) == [
        "config: port 25 would send the password in the clear",
        "config: nobody is the host",
    ]


@pytest.mark.parametrize("nothing", [{"users": []}, {"password": None}])
def test_what_says_nothing_is_not_given(nothing: dict[str, object]) -> None:
    assert said({"host": "a", **nothing}) == []


def test_what_is_known_of_a_block_can_be_had_without_its_mistakes() -> None:
    known = TypeAdapter(tuple[Login, ...]).validate_python(
        [{"host": "a", "port": 0, "proof": {"url": "x"}}], context=as_known()
    )[0]
    assert (known.host, known.users, is_given(known, "port")) == ("a", (), True)
    with as_far_as_known():
        pytest.fail(f"{known.port} is wrong")


def test_a_slip_of_ours_is_not_taken_for_a_wrong_key() -> None:
    with pytest.raises(AttributeError, match="hots"), as_far_as_known():
        operator.attrgetter("hots")(Login(host="a"))
