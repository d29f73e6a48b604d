from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.backtest.history import Stretch, heard
from receiver.backtest.replay import Span, Wish, replay
from receiver.backtest.report import Evidence
from receiver.backtest.world import SimulatedClock, Unreachable, harmless
from receiver.decide.plan import Mode
from receiver.tools import OutsideError
from tests.receiver.backtest import builders
from tests.receiver.backtest.builders import HOUR, MIDNIGHT, acted, book, cases_of, wrong


async def test_the_ladder_is_climbed_as_long_as_the_alert_fires() -> None:
    (case,) = await cases_of([wrong(0, 60)])
    assert acted(case) == [(0.0, "first"), (11.0, "second")]
    assert (case.escalated, case.closed) == ("rungs_exhausted", MIDNIGHT + HOUR)


async def test_what_is_over_while_it_is_looked_at_was_helped() -> None:
    (case,) = await cases_of([wrong(0, 0.1)])
    assert (acted(case), case.helped) == ([(0.0, "first")], "first")


async def test_what_is_over_before_its_for_is_cleared() -> None:
    (case,) = await cases_of([wrong(0, 1)], playbooks=[book(**{"for": "2m"})])
    assert (case.acted, case.cleared, case.rung) == ([], True, "first")


async def test_as_if_it_helped_no_second_rung_is_climbed() -> None:
    (case,) = await cases_of([wrong(0, 60)], helps=True)
    assert (acted(case), case.helped, case.escalated) == ([(0.0, "first")], "first", "")


async def test_a_dependency_holds_it_back() -> None:
    history = [wrong(0, 9, name="PostgresDown"), wrong(0, 5)]
    blocked = book(blocked_by=['alertname="PostgresDown"'])
    _, case = await cases_of(history, playbooks=[blocked])
    assert [one.reason for one in case.refused] == ["dependency_open"]
    assert case.cleared


async def test_what_fires_for_hours_is_not_stale() -> None:
    history = [wrong(0, 45, name="PostgresDown"), wrong(0, 120)]
    blocked = book(blocked_by=['alertname="PostgresDown"'], blocked_max="2h")
    _, case = await cases_of(history, playbooks=[blocked])
    assert case.acted[0].at == pytest.approx(MIDNIGHT + 45 * 60, abs=30)
    assert [one.reason for one in case.refused] == ["dependency_open"]


async def test_limits_hold_over_incidents() -> None:
    limits = {"per_target": "1/1h"}
    cases = await cases_of([wrong(0, 5), wrong(1800, 5)], limits=limits)
    refused = {one.reason for case in cases for one in case.refused}
    assert sum(len(case.acted) for case in cases) == 1
    assert "limit_target" in refused


async def test_a_playbook_in_shadow_shows_what_it_would_do() -> None:
    (case,) = await cases_of([wrong(0, 5)], playbooks=[book(mode="shadow")])
    assert acted(case)[0] == (0.0, "first")


async def test_as_configured_shadow_stays_shadow() -> None:
    (case,) = await cases_of([wrong(0, 5)], mode=None, playbooks=[book(mode="shadow")])
    assert case.acted == []
    assert [one.reason for one in case.refused] == ["shadow"]


async def test_what_is_not_over_at_the_end_is_open() -> None:
    (case,) = await cases_of([wrong(0, None)])
    assert case.closed is None


async def test_what_comes_back_is_a_case_of_its_own_that_keeps_its_rung() -> None:
    first, second = await cases_of([wrong(0, 0.1), wrong(60, 1)])
    assert (first.incident, first.helped) == (second.incident, "first")
    assert second.rungs[0] == "first"


async def test_progress_ends_with_the_whole() -> None:
    said: list[float] = []
    world = harmless(builders.settings(), Mode.AUTO)
    span = Span(MIDNIGHT, MIDNIGHT + HOUR)
    await replay(world, heard([wrong(0, 5)]), span, Wish(progress=said.append))
    assert said == sorted(said)
    assert said[-1] == 1.0


async def test_nothing_in_it_reaches_anything() -> None:
    nowhere = Unreachable()
    with pytest.raises(OutsideError):
        await nowhere.run(["/bin/true"], timeout=1)
    with pytest.raises(OutsideError):
        await nowhere.request("GET", "http://127.0.0.1:1", timeout=1)
    with pytest.raises(OutsideError):
        await nowhere.end("x")
    assert await nowhere.find("x") == ()


async def test_the_clock_moves_by_sleeping_only() -> None:
    clock = SimulatedClock(5.0)
    await clock.sleep(2.0)
    assert (clock.now(), clock.monotonic()) == (7.0, 7.0)


def test_the_config_that_was_given_is_as_it_was() -> None:
    config = builders.settings()
    before = config.model_dump(mode="json")
    planner = config.planner
    world = harmless(config, Mode.AUTO)
    assert config.model_dump(mode="json") == before
    assert world.planner is not planner
    assert not world.channels


def whole(one: Evidence) -> int:
    return one.acted + one.cleared + one.human + one.waiting


BEGINS = st.lists(
    st.tuples(st.integers(0, 600), st.integers(1, 50), st.sampled_from(["shop", "cache", "none"])),
    max_size=12,
)


@settings(max_examples=15)
@given(BEGINS)
async def test_every_case_whose_turn_came_ended_in_one_way(
    begins: list[tuple[int, int, str]],
) -> None:
    cases = await cases_of(list(apart(begins)), playbooks=[book(**{"for": "2m"})])
    found = builders.report(cases, playbooks=[book(**{"for": "2m"})])
    assert all(one.reached == whole(one) for one in found.rungs)
    assert sum(one.actions for one in found.rungs) == len(found.actions)
    assert sum(found.days.values()) == len(found.actions)
    for case in cases:
        assert all(case.opened <= one.at <= (case.closed or 1e12) for one in case.acted)


def apart(begins: list[tuple[int, int, str]]) -> list[Stretch]:
    """The same alert fires once at a time."""
    free: dict[str, int] = {}
    found = []
    for minute, lasts, service in sorted(begins):
        if minute > free.get(service, -1):
            free[service] = minute + lasts
            found.append(wrong(minute * 60, lasts, service))
    return found


async def test_a_rollback_is_refused_because_no_release_is_known(tmp_path: Path) -> None:
    version = {"url": "http://127.0.0.1:1/version", "json": "version"}
    release = {"strategy": "symlink", "path": str(tmp_path), "version": version}
    shop = {
        "matchers": ['service="shop"'],
        "http": {"base_url": "http://127.0.0.1:1"},
        "process": {"manager": "command", "reload": ["/bin/true"], "status": ["/bin/true"]},
        "release": release,
    }
    ladder = [{"name": "back", "action": "rollback", "timeout": "10m"}]
    books = [book(ladder=ladder, blocked_max="10m")]
    (case,) = await cases_of([wrong(0, 60)], targets={"shop": shop}, playbooks=books)
    assert (case.acted, [one.reason for one in case.refused]) == ([], ["no_release"])


async def test_as_configured_nobody_answers_a_question() -> None:
    books = [book(mode="approve", approval_expires="10m")]
    (case,) = await cases_of([wrong(0, 60)], mode=None, playbooks=books)
    assert (case.acted, case.escalated) == ([], "approval_expired")
