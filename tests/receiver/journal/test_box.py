"""Which letters go out one by one, and which are told together: pure, so without an engine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from receiver.journal.box import EVERY, HELD, Box, Digest, box_of
from receiver.journal.mail import Letter, Tally
from tests.receiver.journal.mailed import a_letter, a_tally


def a_box(recent: int = 0, *unsent: Digest, told: frozenset[int] = frozenset()) -> Box:
    return Box(recent, list(unsent), set(told))


def alone(box: Box) -> list[int]:
    return [one.incident for one in box.alone]


def test_few_letters_go_out_one_by_one() -> None:
    box = a_box()
    for incident in (1, 2):
        box.put(incident, a_letter())
    assert alone(box) == [1, 2]
    assert box.filled == []


def test_above_the_rate_they_are_counted_in_a_digest() -> None:
    box = a_box()
    for incident in range(1, 6):
        box.put(incident, a_letter())
    assert alone(box) == [1, 2]
    assert [one.tally for one in box.filled] == [a_tally(3, 4, 5)]


def test_those_of_the_last_minute_count() -> None:
    box = a_box(2)
    box.put(1, a_letter())
    assert alone(box) == []


def test_what_may_not_be_told_together_never_is() -> None:
    box = a_box(1000)
    box.put(1, a_letter("acted", above=None))
    assert alone(box) == [1]


def test_an_incident_that_was_told_alone_is_told_alone_to_its_end() -> None:
    box = a_box(1000, told=frozenset({7}))
    box.put(7, a_letter("resolved"))
    box.put(8, a_letter("resolved"))
    assert alone(box) == [7]


def test_the_second_letter_of_an_incident_follows_the_first() -> None:
    box = a_box(1)
    box.put(1, a_letter("opened"))
    box.put(1, a_letter("escalated"))
    assert alone(box) == [1, 1]


def test_a_digest_that_is_open_takes_more() -> None:
    open_ = Digest(4, a_tally(1))
    box = a_box(9, open_)
    box.put(2, a_letter())
    assert box.filled == [open_]
    assert open_.tally == a_tally(1, 2)


def test_a_digest_that_is_on_its_way_takes_no_more() -> None:
    closed = Digest(4, a_tally(1), open=False)
    box = a_box(9, closed)
    box.put(2, a_letter())
    assert closed.tally == a_tally(1)
    (filled,) = box.filled
    assert (filled.id, filled.tally, filled.dedup) == (0, a_tally(2), "d-opened-digest")


def test_a_letter_waits_for_the_digest_that_may_tell_of_its_incident() -> None:
    earlier, later = Digest(4, a_tally(1, 5), open=False), Digest(5, a_tally(4, 9))
    box = a_box(9, earlier, later)
    for incident in (3, 4, 20):
        box.put(incident, a_letter("acted", above=None))
    assert [one.after for one in box.alone] == [earlier, later, None]


def test_a_page_about_a_scope_waits_for_nothing() -> None:
    box = a_box(9, Digest(4, a_tally(1, 5)))
    box.put(3, a_letter("frozen", above=None))
    assert box.alone[0].after is None


def test_a_letter_waits_for_the_digest_that_was_begun_just_now() -> None:
    box = a_box(9)
    box.put(1, a_letter("opened"))
    box.put(1, a_letter("acted", above=None))
    assert box.alone[0].after is box.filled[0]


def a_call(event: str = "escalated") -> Letter:
    return replace(a_letter(event), calls=True)


@pytest.mark.parametrize("letter", [a_call(), a_letter("approval_requested", above=None)])
def test_who_is_called_or_asked_waits_for_no_digest(letter: Letter) -> None:
    box = a_box(9, Digest(4, a_tally(1, 5)))
    box.put(3, letter)
    assert [one.after for one in box.alone] == [None]
    assert box.hurried == {3}


def test_news_keeps_no_call_back() -> None:
    box = a_box(1000)
    for incident in range(1, 4):
        box.put(incident, a_letter("opened"))
        box.put(incident, a_call())
    assert [(one.incident, one.letter.event) for one in box.alone] == [
        *((1, "escalated"), (2, "escalated"))
    ]


def test_calls_that_are_too_many_are_one_call_at_once_and_after_it_a_digest() -> None:
    box = a_box()
    for incident in range(1, 6):
        box.put(incident, a_call())
    (page,) = box.filled
    assert (page.tally.page, page.tally.letters, page.due(900.0)) == (True, 3, 900.0)
    later = replace(a_box(3), escalated=3, paged=True)
    later.put(6, a_call())
    (digest,) = later.filled
    assert (digest.tally.page, digest.tally.calls, digest.due(900.0)) == (False, 1, 900.0 + EVERY)


def test_what_only_a_human_will_end_is_told_with_the_calls() -> None:
    box = a_box(9)
    box.put(1, a_letter("opened"))
    box.put(2, a_call("opened"))
    assert [(one.tally.page, one.tally.first) for one in box.filled] == [(False, 1), (True, 2)]


def test_a_call_that_is_held_in_quiet_hours_is_told_when_they_end_and_pages_nobody() -> None:
    box = a_box()
    box.put(1, replace(a_call(), until=900.0))
    (held,) = box.filled
    assert (held.tally.page, held.due(0.0)) == (False, 900.0)


def a_row(tally: Tally, **columns: object) -> dict[str, object]:
    sent = {"id": 1, "incident": 0, "state": "sent", "due": 0.0, "open": 0, "recent": 1}
    return {**sent, "body": json.dumps(tally.body), **columns}


def test_a_box_knows_what_went_out_of_late() -> None:
    told, held = Tally(), a_tally(7)
    for _ in range(3):
        told.add(1, a_call())
    rows = [a_row(told), a_row(a_tally(2), recent=0), a_row(held, incident=HELD, state="pending")]
    box = box_of({"letters": 12, "escalated": 2}, rows)
    assert (box.recent, box.escalated, box.paged) == (15, 5, True)
    assert [one.tally for one in box.unsent] == [held]


def test_what_was_told_together_without_a_call_paged_nobody() -> None:
    box = box_of({"letters": 0, "escalated": 0}, [a_row(a_tally(1))])
    assert not box.paged


def test_what_is_held_back_has_a_digest_of_its_own_and_counts_for_nothing() -> None:
    box = a_box(2)
    held = replace(a_letter(above=1), until=900.0)
    box.put(1, held)
    box.put(2, a_letter())
    box.put(3, held)
    assert [(one.held, one.tally.letters) for one in box.filled] == [(900.0, 2), (None, 1)]
    assert box.recent == 3


def test_what_is_held_back_is_held_though_the_incident_was_told_of_alone() -> None:
    box = a_box(told=frozenset({7}))
    box.put(7, replace(a_letter("acted"), until=900.0))
    assert alone(box) == []
    box.put(7, replace(a_letter("resolved"), until=900.0))  # but its end is not
    assert alone(box) == [7]


def test_nothing_waits_for_what_is_held_back() -> None:
    box = a_box(0, Digest(4, a_tally(1, 5), held=900.0))
    box.put(3, a_letter("acted", above=None))
    assert box.alone[0].after is None


def test_what_only_follows_goes_to_who_was_told_before() -> None:
    box = a_box(told=frozenset({7}))
    for incident in (7, 8):
        box.put(incident, replace(a_letter("resolved"), follows=True))
    assert alone(box) == [7]
