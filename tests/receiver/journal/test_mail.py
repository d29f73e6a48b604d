"""What a digest keeps of the letters that it tells of."""

from __future__ import annotations

from receiver.journal.mail import GRAVEST, Tally
from tests.receiver.journal.mailed import a_letter, a_tally


def test_a_tally_counts_by_event_and_severity() -> None:
    tally = a_tally(3, 9, 4)
    tally.add(9, a_letter("escalated", severity="critical"))
    assert (tally.letters, tally.first, tally.last) == (4, 3, 9)
    assert tally.events == {"opened": 3, "escalated": 1}
    assert tally.severities == {"info": 3, "critical": 1}


def test_the_gravest_titles_are_kept_each_once() -> None:
    tally = Tally()
    for number in range(50):
        severity = ("info", "warning", "critical")[number % 3]
        tally.add(number, a_letter(severity=severity, title=f"{severity} {number // 6}"))
    assert tally.gravest == [["critical", f"critical {n}"] for n in range(GRAVEST)]


def test_a_tally_survives_being_written() -> None:
    tally = a_tally(3, 9)
    assert Tally.of(tally.body) == tally
