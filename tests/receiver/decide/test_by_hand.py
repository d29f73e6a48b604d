from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from receiver.checks import parse_check
from receiver.decide.by_hand import LOOKS, Look, Wish, manual_draft, proof
from receiver.decide.guards import Answer, by_hand, decide
from receiver.decide.matchers import parse_matchers
from receiver.decide.plan import Mode, Playbook, Verify
from receiver.decide.reason import Reason
from tests.receiver.builders import NOW, ATarget, a_playbook, a_rung, the_facts

WISH = Wish("api", "restart", {"up_for": "5s"}, "ann", "1a2b")
HEALTH = {"http": {"path": "/health"}}


def proven(*playbooks: Playbook, facets: Iterable[str] = ("process", "http")) -> Verify:
    return proof(ATarget(), facets=frozenset(facets), playbooks=playbooks)


def test_a_wish_is_a_ladder_of_one_rung() -> None:
    book = Playbook.model_validate(dict(manual_draft(WISH, Verify()).plan))
    (rung,) = book.ladder
    assert (rung.action, rung.options) == ("restart", {"up_for": "5s"})
    assert (book.mode, book.cooldown) == (Mode.AUTO, 0)


def test_every_wish_is_an_incident_of_its_own() -> None:
    other = Wish("api", "restart", {}, "ann", "3c4d")
    assert manual_draft(WISH, Verify()).key != manual_draft(other, Verify()).key


def test_who_asked_is_in_the_title() -> None:
    assert manual_draft(WISH, Verify()).title == "restart on api, asked for by ann"


def test_without_a_playbook_what_can_be_seen_proves_it() -> None:
    assert [next(iter(check)) for check in proven().checks] == ["process", "http"]


@pytest.mark.parametrize("facet", [facet for facet, _ in LOOKS])
def test_a_target_with_one_facet_is_looked_at_by_its_check(facet: str) -> None:
    assert [next(iter(check)) for check in proven(facets=[facet]).checks] == [facet]


@pytest.mark.parametrize(("facet", "look"), LOOKS)
def test_what_is_looked_at_is_a_check_that_needs_the_facet(facet: str, look: Look) -> None:
    assert parse_check(look).needs() == facet


def test_what_nothing_can_be_seen_of_is_never_assumed() -> None:
    assert proven(facets=[]).checks == ({"process": "up"},)


def test_a_playbook_that_names_the_target_says_how_it_is_proven() -> None:
    ladder = [a_rung(on=["api"])]
    book = a_playbook(ladder=ladder, verify={"settle": "7s", "checks": [HEALTH]})
    assert (proven(book).checks, proven(book).settle) == ((HEALTH,), 7.0)


def test_a_playbook_that_asks_for_all_that_selects_the_target_is_its_own() -> None:
    matchers = ['alertname="A"', 'service="api"']
    assert proven(a_playbook(matchers=matchers, verify={"checks": [HEALTH]})).checks == (HEALTH,)


def test_a_playbook_of_others_says_nothing_about_the_target() -> None:
    book = a_playbook(matchers=['service="db"'], verify={"checks": [HEALTH]})
    assert HEALTH not in proven(book).checks


def test_there_is_no_alert_that_could_be_cleared() -> None:
    both = {"checks": [{"alert": "cleared"}, HEALTH]}
    own = a_playbook(matchers=['service="api"'], verify=both)
    only = a_playbook(matchers=['service="api"'], verify={"checks": [{"alert": "cleared"}]})
    assert proven(own).checks == (HEALTH,)
    assert {"alert": "cleared"} not in proven(only).checks


def test_a_target_without_matchers_is_nobodys() -> None:
    book = a_playbook(verify={"checks": [HEALTH]})
    shown = proof(ATarget(matchers=()), facets={"process"}, playbooks=[book])
    assert shown.checks == ({"process": "up"},)


def test_the_playbook_of_a_wish_answers_no_alert() -> None:
    book = Playbook.model_validate(dict(manual_draft(WISH, Verify()).plan))
    assert book.matchers == parse_matchers('alertname=""')


def test_a_wish_is_neither_over_nor_stale_and_every_other_guard_holds() -> None:
    wished = the_facts(last_seen=0.0)
    assert decide(by_hand(wished)).answer is Answer.GO
    refused: tuple[tuple[dict[str, Any], Reason], ...] = (
        ({"paused": True}, Reason.PAUSED),
        ({"busy_targets": frozenset({"api"})}, Reason.TARGET_BUSY),
        ({"target_runs": (NOW - 1, NOW - 2, NOW - 3)}, Reason.LIMIT_TARGET),
    )
    for change, reason in refused:
        assert decide(by_hand(replace(wished, **change))).reason is reason
