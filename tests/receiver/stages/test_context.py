"""Incidents of one playbook share what was read of it, and each keeps its own plan all the same."""

from __future__ import annotations

from receiver.decide.incident import Incident
from receiver.decide.plan import Playbook
from receiver.stages.context import playbook_of
from tests.receiver.builders import a_playbook, an_incident

NAME = "shared-by-many"


def opened(number: int, playbook: Playbook) -> Incident:
    """With a plan of its own, as one that was read from the journal has it."""
    return an_incident(10**6 + number, playbook=playbook)


def test_incidents_of_one_plan_share_its_playbook() -> None:
    book = a_playbook(NAME, cooldown="7m")
    assert playbook_of(opened(1, book)) is playbook_of(opened(2, book))
    assert playbook_of(opened(3, book)) == book


def test_a_plan_that_was_changed_meanwhile_is_the_older_ones_no_more() -> None:
    older, newer = (opened(n, a_playbook(NAME, cooldown=f"{n}m")) for n in (4, 5))
    for _ in range(3):
        assert playbook_of(older).cooldown == 240
        assert playbook_of(newer).cooldown == 300


def test_older_and_newer_ones_side_by_side_are_each_read_once() -> None:
    older, newer = (opened(n, a_playbook(NAME, cooldown=f"{n}m")) for n in (6, 7))
    first = playbook_of(older), playbook_of(newer)
    assert playbook_of(older) is first[0]
    assert playbook_of(newer) is first[1]
