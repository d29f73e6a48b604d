"""Every check keeps the promises of receiver/checks/base.py."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from receiver.checks import CHECKS, parse_check
from receiver.checks.base import Check
from receiver.decide.verdict import Outcome
from receiver.tools import OutsideError
from tests.contracts.plugins import (
    explains_itself,
    hides_its_secrets,
    is_a_frozen_setting,
    lives_in_a_file_of_its_name,
)
from tests.receiver.checks.scenes import a_firing_alert, a_scene
from tests.receiver.stand_ins import (
    StandInAlertmanager,
    StandInHttp,
    StandInPrometheus,
    a_toolbox,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "alert": {"state": "cleared"},
    "http": {"path": "/health", "body": "ok"},
    "postgres": {"ask": "ping", "timeout": "1s"},
    "process": {"state": "up"},
    "queue": {"state": "unstuck"},
    "redis": {"ask": "ping"},
    "version": {"serves": "target"},
    "promql": {"query": "up", "op": "==", "value": 1},
}

every_check = pytest.mark.parametrize(("name", "kind"), CHECKS.items(), ids=CHECKS)


def test_each_has_an_example_here() -> None:
    assert OPTIONS.keys() == CHECKS.keys()


@every_check
def test_it_is_a_plugin_like_the_others(name: str, kind: type[Check]) -> None:
    is_a_frozen_setting(kind, OPTIONS[name])
    lives_in_a_file_of_its_name(kind, name, "receiver.checks")
    explains_itself(kind)
    hides_its_secrets(kind, OPTIONS[name])


@every_check
def test_it_is_chosen_by_its_only_key(name: str, kind: type[Check]) -> None:
    check = parse_check({name: OPTIONS[name]})
    assert type(check) is kind
    assert parse_check({name: check.model_dump(mode="json")}) == check
    assert parse_check(check) is check


@every_check
async def test_an_error_is_never_a_pass_and_never_raised(name: str, kind: type[Check]) -> None:
    away = OutsideError("nobody there")
    tools = a_toolbox(
        http=StandInHttp(away),
        prometheus=StandInPrometheus(away),
        alertmanager=StandInAlertmanager(away),
    )
    check = kind.model_validate(OPTIONS[name])
    scene = a_scene(a_firing_alert(), base_url="http://127.0.0.1:1")
    sample = await check.sample(scene, tools)
    assert sample.outcome is not Outcome.PASS
    assert sample.direct is kind.direct
    assert sample.detail


@every_check
async def test_with_nothing_to_ask_it_cannot_pass(name: str, kind: type[Check]) -> None:
    sample = await kind.model_validate(OPTIONS[name]).sample(a_scene(a_firing_alert()), a_toolbox())
    assert sample.outcome is not Outcome.PASS


@pytest.mark.parametrize(
    "value",
    [
        *({"ping": {}}, {}, {"alert": "gone"}, {"alert": None}, {"http": "/x"}, "alert", None),
        {"alert": "cleared", "http": {"path": "/"}},
    ],
)
def test_what_is_no_check_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"known|cleared|valid|mapping"):
        parse_check(value)


def test_the_short_form_of_the_alert_is_read() -> None:
    assert type(parse_check({"alert": "cleared"})) is CHECKS["alert"]


def test_a_mistake_is_named_from_the_checks_key_on() -> None:
    with pytest.raises(ValidationError) as caught:
        parse_check({"http": {"path": "health"}})
    assert [found["loc"] for found in caught.value.errors()] == [("http", "path")]
