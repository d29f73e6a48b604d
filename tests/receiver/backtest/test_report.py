from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from receiver.backtest.cases import Acted, Case, Refused
from receiver.backtest.diff import Change, diff_of
from receiver.backtest.replay import Span
from receiver.backtest.report import busiest, conflicts, per_day
from receiver.backtest.text import diff_text, text
from tests.receiver.backtest.builders import MIDNIGHT, book, cases_of, report, wrong


def case(playbook: str, begins: float, ends: float | None, target: str = "shop") -> Case:
    """One that wanted its target from its beginning to its end."""
    made = Case(1, playbook, "A", begins, ends, ["first"])
    made.acted.append(Acted(begins, playbook, "first", "run", target))
    return made


@given(st.lists(st.integers(0, 20_000), max_size=40))
def test_the_worst_hour_is_the_fullest_of_all_that_begin_with_an_action(seconds: list[int]) -> None:
    times = sorted(map(float, seconds))
    found = busiest(times)
    assert found.actions == max((sum(a <= b < a + 3600 for b in times) for a in times), default=0)


@given(st.lists(st.integers(0, 10 * 86_400 - 1), max_size=40))
def test_every_action_is_of_one_day_and_every_day_is_there(seconds: list[int]) -> None:
    days = per_day([MIDNIGHT + at for at in seconds], Span(MIDNIGHT, MIDNIGHT + 10 * 86_400 - 1))
    assert sum(days.values()) == len(seconds)
    assert [*days] == [f"2026-09-{day}" for day in range(21, 31)]


def test_two_playbooks_that_want_one_target_at_once_are_a_conflict() -> None:
    (found,) = conflicts([case("a", 0, 100), case("b", 60, 200)], 1000)
    assert (found.at, found.until, found.playbooks) == (60, 100, ("a", "b"))


def test_neither_two_targets_nor_two_times_nor_one_playbook_are() -> None:
    cases = [case("a", 0, 100), case("b", 0, 100, "cache"), case("c", 100, 200), case("a", 50, 70)]
    assert [*conflicts(cases, 1000)] == []


def test_who_was_refused_wanted_the_target_too() -> None:
    waits = Case(2, "b", "B", 10, None, ["first"])
    waits.refused.append(Refused(20, "first", "target_busy", "shop"))
    (found,) = conflicts([case("a", 0, 100), waits], 1000)
    assert (found.at, found.until) == (20, 100)


def test_who_only_holds_wants_nothing_yet() -> None:
    waits = Case(2, "b", "B", 10, None, ["first"])
    waits.refused.append(Refused(20, "first", "holding", "shop"))
    assert [*conflicts([case("a", 0, 100), waits], 1000)] == []


async def test_the_text_says_what_would_have_been_done_and_why_not() -> None:
    cases = await cases_of([wrong(0, 60), wrong(7200, 9, name="Other\x1b[31m")])
    said = text(report(cases))
    assert "errors    first   run     auto     1     1        0      0       0  none" in said
    assert "a human would have been called: 1 rungs_exhausted" in said
    assert "worst hour: 2 actions from 2026-09-21 00:00" in said
    assert "2026-09-21 00:00  run on shop (errors, second)" in said
    assert "\x1b" not in said


async def test_a_shorter_ladder_is_told_as_a_difference() -> None:
    history = [wrong(0, 60)]
    short = [book(ladder=book()["ladder"][:1])]
    before = report(await cases_of(history))
    after = report(await cases_of(history, playbooks=short), playbooks=short)
    diff = diff_of(before, after)
    assert Change("errors", "second", "acted", 1, None) in diff.changes
    assert ([one.rung for one in diff.gone], diff.new) == (["second"], [])
    assert "errors, second: acted 1 → -" in diff_text(diff)


async def test_the_same_playbooks_do_the_same() -> None:
    history = [wrong(0, 60), wrong(9000, 2, "cache")]
    one, other = report(await cases_of(history)), report(await cases_of(history))
    diff = diff_of(one, other)
    assert (diff.changes, diff.gone, diff.new) == ([], [], [])
    assert "no difference" in diff_text(diff)
