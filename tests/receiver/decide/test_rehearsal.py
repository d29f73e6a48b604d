from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from receiver.decide.episode import Status
from receiver.decide.guards import Facts
from receiver.decide.plan import Mode, Playbook, Rung
from receiver.decide.rehearsal import Rehearsal, rehearse
from tests.receiver.builders import NOW, ATarget, a_playbook, a_rung, an_alert

LABELS = {"alertname": "HighErrorRate", "service": "api", "severity": "critical"}


def shadowed(book: Playbook, rung: Rung, target: str) -> Facts:
    return Facts(NOW, Mode.SHADOW, target, target_known=bool(target), last_seen=NOW)


def played(
    *books: Playbook,
    labels: Mapping[str, str] = LABELS,
    targets: tuple[ATarget, ...] = (ATarget(),),
    **alert: Any,
) -> Rehearsal:
    return rehearse(an_alert(labels=labels, **alert), books or (a_playbook(),), targets, shadowed)


def why(words: tuple[Any, ...]) -> dict[str, tuple[bool, str]]:
    return {word.name: (word.yes, word.why) for word in words}


def test_the_first_playbook_whose_matchers_hold_answers_and_says_why() -> None:
    said = why(played().playbooks)
    assert said == {"repair": (True, 'alertname="HighErrorRate" hold')}


def test_a_playbook_that_does_not_answer_names_the_matcher_and_the_value() -> None:
    other = a_playbook("slow", matchers=['alertname="Slow"', 'severity="critical"'])
    yes, reason = why(played(other).playbooks)["slow"]
    assert not yes
    assert reason == "alertname=\"Slow\" does not hold: alertname is 'HighErrorRate'"


def test_a_missing_label_is_said_to_be_missing() -> None:
    other = a_playbook("slow", matchers=['tier="1"'])
    assert "tier is missing" in why(played(other).playbooks)["slow"][1]


def test_a_later_playbook_is_told_that_it_is_too_late() -> None:
    said = why(played(a_playbook("one"), a_playbook("two")).playbooks)
    assert said["two"] == (False, "its matchers hold, but one comes first")


def test_targets_say_why_they_are_chosen_or_not() -> None:
    said = why(played(targets=(ATarget(), ATarget("bare", matchers=()))).targets)
    assert said["api"] == (True, 'service="api" hold')
    assert said["bare"] == (False, "has no matchers: only a rung's `on` reaches it")


def test_every_rung_on_every_target_gets_the_guards_answer() -> None:
    ladder = [a_rung("first"), a_rung("second", on=["db", "cache"])]
    steps = played(a_playbook(ladder=ladder)).ladder
    assert [(step.rung, step.target) for step in steps] == [
        ("first", "api"),
        ("second", "db"),
        ("second", "cache"),
    ]
    assert {step.reason for step in steps} == {"shadow"}


def test_without_a_target_nothing_is_touched() -> None:
    said = played(targets=())
    assert said.outcome == "no target: a human is called, nothing is touched"
    assert said.ladder[0].reason == "unknown_target"


def test_an_alert_without_a_playbook_is_only_told() -> None:
    said = played(labels={"alertname": "Else", "severity": "critical"})
    assert (said.playbook, said.outcome) == ("", "no playbook: people are told")


def test_a_marker_is_told_to_nobody() -> None:
    said = played(labels={"alertname": "Watchdog", "severity": "none"})
    assert said.outcome == "a marker: nobody is told"


def test_a_resolve_plans_nothing() -> None:
    said = played(status=Status.RESOLVED)
    assert (said.ladder, said.playbooks) == ((), ())
    assert "nothing is planned" in said.outcome


def test_what_is_held_first_is_said() -> None:
    held = a_playbook().model_copy(update={"for_": 30.0})
    assert played(held).outcome.startswith("held for 30 s, then")
