from __future__ import annotations

from dataclasses import replace

import pytest

from receiver.channels.looks import about, goes_on, look_of
from tests.receiver.channels.notices import a_notice


@pytest.mark.parametrize(
    ("severity", "event", "sign"),
    [
        ("critical", "opened", "🔴"),
        ("warning", "acted", "🟠"),
        ("info", "opened", "🟢"),
        ("critical", "healed", "🟢"),
        ("warning", "resolved", "🟢"),
        ("none", "opened", "🟢"),
    ],
)
def test_red_orange_green_say_how_bad_it_is(severity: str, event: str, sign: str) -> None:
    assert look_of(a_notice(severity=severity, event=event)).sign == sign


def test_what_is_over_is_green_whatever_ended_it() -> None:
    assert look_of(replace(a_notice(event="escalated"), ended=True)).web == "#2eb67d"


def test_the_small_print_leaves_out_what_there_is_not() -> None:
    assert about(a_notice(), "prod") == "critical · opened · restart · prod · incident 12"
    for number in (0, -3):
        notice = replace(a_notice(), incident=number, step="")
        assert about(notice, None) == "critical · opened"


@pytest.mark.parametrize(
    ("event", "incident", "more"),
    [("opened", 12, True), ("release", 0, True), ("digest", 0, False), ("test", 0, False)],
)
def test_incidents_and_releases_have_a_thread(event: str, incident: int, more: bool) -> None:
    assert goes_on(replace(a_notice(event=event), incident=incident)) is more
