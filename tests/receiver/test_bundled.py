from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from receiver.bundled import bundled, expand, names
from receiver.decide.plan import Mode, Playbook
from receiver.settings import ReceiverSettings


def included(**entry: Any) -> dict[str, Any]:
    """The file's only playbook, expanded, without a word about it."""
    data, found = expand({"playbooks": [entry]})
    assert found == []
    assert isinstance(data, dict)
    book: dict[str, Any] = data["playbooks"][0]
    return book


def problems(*entries: object) -> list[tuple[str, str]]:
    _, found = expand({"playbooks": list(entries)})
    return [(".".join(map(str, at)), why) for at, why, _ in found]


def test_what_is_included_is_the_bundled_playbook() -> None:
    assert included(include="memory") == bundled("memory")


def test_the_entrys_own_keys_lie_over_it() -> None:
    book = included(
        include="memory", mode="auto", verify={"within": "1m"}, ladder=[{"action": "restart"}]
    )
    assert (book["name"], book["mode"], book["ladder"]) == (
        "memory",
        "auto",
        [{"action": "restart"}],
    )
    assert book["verify"] == {**bundled("memory")["verify"], "within": "1m"}


def test_a_rung_is_given_its_targets_by_its_name() -> None:
    book = included(include="cache", on={"restart": ["api", "worker"]})
    assert [rung.get("on") for rung in book["ladder"]] == [None, ["api", "worker"]]
    assert "on" not in book


def test_a_rung_is_given_keys_of_its_own_by_its_name() -> None:
    book = included(include="cache", rungs={"restart": {"mode": "approve", "timeout": "5m"}})
    flush, restart = book["ladder"]
    assert (restart["mode"], restart["timeout"], restart["action"]) == ("approve", "5m", "restart")
    assert flush == bundled("cache")["ladder"][0]
    assert "rungs" not in book


def test_one_that_is_included_does_not_change_the_next() -> None:
    included(include="cache", on={"restart": ["api"]}, verify={"within": "1s"})
    assert included(include="cache") == bundled("cache")


def test_what_includes_nothing_is_left_as_it_is() -> None:
    data: object
    for data in (None, [], {"playbooks": 5}, {"playbooks": [5, {"name": "own"}]}):
        assert expand(data) == (data, [])


def test_a_playbook_that_does_not_exist_is_told_what_does_and_nothing_else() -> None:
    with pytest.raises(ValidationError) as caught:
        ReceiverSettings.model_validate({"playbooks": [{"include": "memroy"}]})
    (error,) = caught.value.errors()
    assert error["loc"] == ("playbooks", 0, "include")
    assert "no bundled playbook 'memroy'; known: availability, " in error["msg"]


def test_a_rung_that_does_not_exist_is_told_what_does() -> None:
    assert problems({"include": "cache", "on": {"restrat": ["api"]}}) == [
        ("playbooks.0.on.restrat", "there is no rung 'restrat'; known: flush, restart")
    ]
    assert problems({"include": "cache", "on": ["api"]}) == [
        ("playbooks.0.on", "must be a mapping of rungs to targets: {restart: [api]}")
    ]
    assert problems({"include": "cache", "rungs": {"rollback": {"mode": "auto"}}}) == [
        ("playbooks.0.rungs.rollback", "there is no rung 'rollback'; known: flush, restart")
    ]
    assert problems({"include": "cache", "rungs": {"restart": "auto"}}) == [
        ("playbooks.0.rungs.restart", "must be a mapping of a rung's keys, as in {mode: auto}")
    ]


@pytest.mark.parametrize("name", names())
def test_each_is_whole_by_itself_named_as_its_file_and_begins_in_shadow(name: str) -> None:
    book = Playbook.model_validate(bundled(name))
    assert (book.name, book.mode) == (name, Mode.SHADOW)
    (settings,) = [ReceiverSettings.model_validate({"playbooks": [{"include": name}]})]
    assert settings.playbooks == (book,)
