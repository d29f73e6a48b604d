"""What playbooks have shown, as people read it."""

from __future__ import annotations

import pytest

from receiver.decide.plan import Mode
from receiver.decide.track_record import BookRecord, Evidence, Refusals, Withheld, records
from receiver.decide.trust import Grant, Tally, TrustRule
from tests.receiver.builders import NOW, a_playbook, a_rung

BOOK = a_playbook(mode="auto", ladder=[a_rung("gc"), a_rung("restart")])


def record(seen: Evidence, *grants: Grant) -> BookRecord:
    (only,) = records([BOOK], Mode.AUTO, grants, seen, TrustRule())
    return only


def a_tally(step: str = "gc", **counts: float) -> Tally:
    return Tally("repair", step, **counts)  # type: ignore[arg-type]  # counts as a test names them


def test_a_rung_that_never_ran_has_a_record_all_the_same() -> None:
    rung = record(Evidence()).rungs[0]
    assert (rung.tally.runs, rung.tally.success, rung.spared, rung.trusted) == (0, None, None, True)


def test_time_is_spared_against_the_median_human() -> None:
    seen = Evidence([a_tally(helped=3, took=60.0)], humans={"repair": [500.0, 600.0, 5000.0]})
    assert record(seen).rungs[0].spared == 3 * 600.0 - 60.0


def test_a_rung_that_is_slower_than_humans_costs_time() -> None:
    seen = Evidence([a_tally(helped=1, took=900.0)], humans={"repair": [60.0] * 3})
    assert record(seen).rungs[0].spared == -840.0


@pytest.mark.parametrize(
    ("humans", "median", "own"),
    [
        ({"repair": [10.0, 20.0, 30.0], "other": [999.0] * 9}, 20.0, True),
        ({"repair": [10.0, 20.0], "other": [30.0]}, 20.0, False),
        ({"repair": [10.0, 20.0]}, None, False),
        ({}, None, False),
    ],
)
def test_too_few_human_times_are_filled_up_with_those_of_others_or_say_nothing(
    humans: dict[str, list[float]], median: float | None, *, own: bool
) -> None:
    seen = record(Evidence(humans=humans))
    assert (seen.human, seen.human_own) == (median, own)


def test_only_runs_since_the_last_grant_are_held_against_a_rung() -> None:
    bad = [a_tally(in_vain=9)]
    assert not record(Evidence(bad, bad)).rungs[0].trusted
    assert record(Evidence(bad)).rungs[0].trusted


@pytest.mark.parametrize(("by", "trusted"), [("prunella", False), ("ann", True)])
def test_a_rung_that_the_rule_has_demoted_is_not_trusted_until_somebody_decides(
    by: str, *, trusted: bool
) -> None:
    taken = Grant("repair", "gc", Mode.APPROVE, "", by, "0 of 5 runs helped", NOW)
    assert record(Evidence([a_tally(in_vain=9)]), taken).rungs[0].trusted is trusted


def test_refusals_are_of_their_rung_and_together_of_the_playbook() -> None:
    said = [
        Refusals("repair", "gc", "cooldown", 2),
        Refusals("repair", "restart", "cooldown", 1),
        Refusals("repair", "restart", "paused", 4),
        Refusals("other", "gc", "stale", 9),
    ]
    seen = record(Evidence(refusals=said))
    assert dict(seen.rungs[1].refusals) == {"paused": 4, "cooldown": 1}
    assert list(seen.refusals.items()) == [("paused", 4), ("cooldown", 3)]


def test_a_changed_playbook_says_that_its_promotion_is_lost() -> None:
    old = Grant("repair", "", Mode.AUTO, "another", "ops", "why", NOW)
    assert record(Evidence(), old).likeness_lost


def test_a_rungs_own_grant_is_shown_with_it() -> None:
    taken = Grant("repair", "gc", Mode.APPROVE, "", "prunella", "not_helping", NOW)
    seen = record(Evidence(), taken)
    assert [(rung.mode, rung.grant) for rung in seen.rungs] == [
        (Mode.APPROVE, taken),
        (Mode.AUTO, None),
    ]


@pytest.mark.parametrize(("over", "lasted"), [(None, None), (NOW + 60, 60.0), (NOW - 1, 0.0)])
def test_what_was_held_back_shows_how_long_it_stayed_broken(
    over: float | None, lasted: float | None
) -> None:
    assert Withheld(1, "gc", "run", "api", NOW, over).lasted == lasted
