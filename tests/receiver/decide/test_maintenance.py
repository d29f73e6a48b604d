from __future__ import annotations

from receiver.decide import guards
from receiver.decide.guards import Answer
from receiver.decide.maintenance import Window, covered_until, maintained
from receiver.decide.matchers import parse_matchers
from receiver.decide.reason import Reason
from tests.receiver.builders import NOW, the_facts

API = {"alertname": "HighErrorRate", "service": "api"}
DB = {"alertname": "PostgresDown", "service": "db"}


def a_window(matchers: str = 'service="api"', *, until: float = NOW + 60.0) -> Window:
    return Window(parse_matchers(matchers), NOW - 60.0, until, "upgrade", "ann")


def test_an_alert_that_a_window_matches_is_covered_until_its_end() -> None:
    assert covered_until([a_window()], [API], NOW) == NOW + 60


def test_one_alert_that_nobody_announced_uncovers_the_others() -> None:
    assert covered_until([a_window()], [API, DB], NOW) is None


def test_every_matcher_of_a_window_has_to_hold() -> None:
    assert covered_until([a_window('service="api",alertname="Else"')], [API], NOW) is None


def test_a_window_that_is_over_covers_nothing() -> None:
    assert covered_until([a_window(until=NOW)], [API], NOW) is None


def test_a_window_covers_nothing_before_it_begins() -> None:
    assert covered_until([a_window()], [API], NOW - 61) is None
    assert covered_until([a_window()], [API], NOW - 60) == NOW + 60


def test_of_two_windows_over_one_alert_the_later_end_counts() -> None:
    windows = [a_window(), a_window(until=NOW + 90)]
    assert covered_until(windows, [API], NOW) == NOW + 90


def test_of_two_alerts_the_one_that_is_uncovered_first_counts() -> None:
    windows = [a_window(), a_window('service="db"', until=NOW + 90)]
    assert covered_until(windows, [API, DB], NOW) == NOW + 60


def test_an_incident_without_alerts_is_covered_by_nothing() -> None:
    assert covered_until([a_window()], [], NOW) is None


def test_a_window_without_matchers_would_be_everything_and_is_nothing() -> None:
    assert covered_until([Window((), NOW, NOW + 60, "", "ann")], [API], NOW) is None


def test_services_of_targets_are_shown_with_and_without_a_window() -> None:
    targets = [parse_matchers('service="api"'), parse_matchers('service="db",tier="1"')]
    assert maintained([a_window()], targets) == {"api": 1, "db": 0}


def test_other_services_are_shown_while_a_window_is_open_and_never_too_many() -> None:
    windows = [a_window(f'service="s{number:03}"') for number in range(150)]
    assert maintained([], []) == {}
    assert len(maintained(windows, [])) == 100


def test_only_a_window_over_a_whole_service_says_so() -> None:
    windows = [
        a_window(),
        a_window('service="db",severity="warning"'),
        a_window('service=~"a|b"'),
        a_window('service!="x"'),
        a_window('alertname="A"'),
        a_window('service=""'),
    ]
    assert maintained(windows, []) == {"api": 1}


def test_the_guard_waits_until_the_window_ends() -> None:
    decision = guards.unattended(the_facts())
    assert decision is None
    from_window = guards.Facts(NOW, the_facts().mode, "api", maintenance=NOW + 60)
    said = guards.unattended(from_window)
    assert said == guards.Decision(Answer.WAIT, Reason.MAINTENANCE, NOW + 60)
