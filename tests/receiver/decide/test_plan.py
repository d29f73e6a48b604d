from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from receiver.decide.matchers import parse_matchers
from receiver.decide.plan import (
    Draft,
    Mode,
    Playbook,
    draft,
    highest,
    select,
    severity_of,
    strictest,
    title_of,
)
from receiver.decide.reason import Reason
from tests.receiver.builders import ATarget, a_playbook, a_rung, an_alert

API = ATarget("api", parse_matchers('service="api"'))
WORKER = ATarget("worker", parse_matchers('service="worker"'))
HIDDEN = ATarget("hidden", ())


def planned(
    labels: Mapping[str, str], *playbooks: Playbook, targets: tuple[ATarget, ...] = (API, WORKER)
) -> Draft:
    found = draft(an_alert(labels=labels), playbooks, targets)
    assert found is not None
    return found


ALERT = {"alertname": "HighErrorRate", "service": "api", "severity": "critical"}


def test_the_first_playbook_whose_matchers_hold_wins() -> None:
    other = a_playbook("other", matchers=['alertname="Other"'])
    assert planned(ALERT, other, a_playbook("one"), a_playbook("two")).playbook == "one"


def test_every_matcher_of_a_playbook_has_to_hold() -> None:
    strict = a_playbook("strict", matchers=['alertname="HighErrorRate"', 'severity="warning"'])
    assert planned(ALERT, strict).playbook == ""


def test_without_a_playbook_people_are_told_and_nothing_is_planned() -> None:
    told = planned(ALERT)
    assert (told.reason, told.targets, dict(told.plan)) == (Reason.NO_PLAYBOOK, (), {})
    assert told.key == "|alertmanager:f1"


def test_a_marker_that_nobody_asked_for_opens_nothing() -> None:
    assert draft(an_alert(labels={"alertname": "Watchdog", "severity": "none"}), (), ()) is None


def test_a_marker_that_a_playbook_asks_for_is_planned() -> None:
    book = a_playbook(matchers=['alertname="Watchdog"'])
    found = draft(an_alert(labels={"alertname": "Watchdog", "severity": "none"}), [book], ())
    assert found is not None


def test_targets_are_selected_by_exact_match() -> None:
    assert select({"service": "api"}, [API, WORKER]) == ("api",)
    assert select({"service": "api2"}, [API, WORKER]) == ()
    assert select({"service": "xapi"}, [API, WORKER]) == ()
    assert select({"service": "api\n"}, [API, WORKER]) == ()


@pytest.mark.parametrize("value", ["*", "", "-api", "--all", "api,worker", ".*", "api|worker"])
def test_i12_no_label_value_is_a_pattern(value: str) -> None:
    assert select({"service": value}, [API, WORKER]) == ()


@pytest.mark.parametrize("labels", [{}, {"service": "hidden"}, {"service": ""}])
def test_i12_a_target_without_matchers_cannot_be_reached_by_any_label(
    labels: dict[str, str],
) -> None:
    assert select(labels, [HIDDEN]) == ()


def test_i12_an_alert_that_selects_no_target_says_so() -> None:
    lost = planned({**ALERT, "service": "elsewhere"}, a_playbook())
    assert (lost.reason, lost.targets) == (Reason.UNKNOWN_TARGET, ())


def test_a_ladder_that_names_its_targets_needs_none_of_the_alert() -> None:
    book = a_playbook(ladder=[a_rung(on=["hidden"])])
    assert planned({**ALERT, "service": "elsewhere"}, book).reason is Reason.FIRING


def test_one_rung_without_a_named_target_is_enough_to_need_one() -> None:
    book = a_playbook(ladder=[a_rung(on=["hidden"]), a_rung("second")])
    assert planned({**ALERT, "service": "elsewhere"}, book).reason is Reason.UNKNOWN_TARGET


def test_alerts_of_one_service_share_an_incident() -> None:
    book = a_playbook(matchers=['severity="critical"'])
    first = planned({**ALERT, "alertname": "A"}, book)
    assert first.key == planned({**ALERT, "alertname": "B"}, book).key
    assert first.key != planned({**ALERT, "service": "worker"}, book).key


def test_group_by_says_what_is_one_incident() -> None:
    book = a_playbook(group_by=["service", "env"])
    assert planned({**ALERT, "env": "a"}, book).key != planned({**ALERT, "env": "b"}, book).key


@given(st.text('a=,|\\"b', max_size=8), st.text('a=,|\\"b', max_size=8))
def test_label_values_cannot_forge_another_groups_key(one: str, other: str) -> None:
    book = a_playbook(group_by=["x", "y"])
    forged = planned({**ALERT, "x": one, "y": other}, book).key
    assert forged != planned({**ALERT, "x": one + other, "y": ""}, book).key or other == ""


def test_two_groups_whose_values_look_alike_are_two_incidents() -> None:
    book = a_playbook(group_by=["x", "y"])
    first = planned({**ALERT, "x": "1,y=2", "y": "3"}, book)
    assert first.key != planned({**ALERT, "x": "1", "y": "2,y=3"}, book).key


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("critical", "critical"),
        ("high", "critical"),
        ("HIGH", "critical"),
        ("warning", "warning"),
        ("medium", "warning"),
        ("info", "info"),
        ("low", "info"),
        ("none", "info"),
        ("", "info"),
        ("apocalypse", "info"),
    ],
)
def test_the_words_that_teams_use_for_severity(word: str, expected: str) -> None:
    assert severity_of({"severity": word}) == expected


def test_no_severity_is_info() -> None:
    assert severity_of({}) == "info"


@pytest.mark.parametrize(
    ("first", "second", "graver"),
    [("info", "critical", "critical"), ("warning", "info", "warning"), ("info", "info", "info")],
)
def test_the_graver_severity_counts(first: str, second: str, graver: str) -> None:
    assert highest(first, second) == highest(second, first) == graver


def test_the_title_is_the_summary_or_the_alerts_name() -> None:
    assert title_of(an_alert(annotations={"summary": "api is down"})) == "api is down"
    assert title_of(an_alert(annotations={"summary": ""})) == "HighErrorRate"
    assert title_of(an_alert(labels={"a": "b"})) == "alert"
    assert len(title_of(an_alert(annotations={"summary": "x" * 5000}))) == 300


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ((Mode.AUTO, Mode.AUTO), Mode.AUTO),
        ((Mode.AUTO, Mode.APPROVE), Mode.APPROVE),
        ((Mode.SHADOW, Mode.AUTO, Mode.APPROVE), Mode.SHADOW),
        ((Mode.AUTO, None), Mode.AUTO),
        ((None, None), Mode.SHADOW),
        ((), Mode.SHADOW),
    ],
)
def test_the_strictest_mode_holds(said: tuple[Mode | None, ...], holds: Mode) -> None:
    assert strictest(*said) is holds


def test_i16_a_new_playbook_starts_in_shadow() -> None:
    assert a_playbook().mode is Mode.SHADOW


def test_options_stand_inline_beside_the_action() -> None:
    rung = a_playbook(ladder=[{"action": "restart", "up_for": "5s", "timeout": "30s"}]).ladder[0]
    assert (rung.name, rung.options, rung.timeout) == ("restart", {"up_for": "5s"}, 30.0)


def test_a_rung_may_have_a_name_of_its_own() -> None:
    assert a_playbook(ladder=[a_rung("gently", "reload")]).ladder[0].name == "gently"


def test_two_rungs_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two rungs of one ladder have the same name"):
        a_playbook(ladder=[{"action": "restart"}, {"action": "restart"}])


@pytest.mark.parametrize(
    "broken",
    [
        {"matchers": []},
        {"ladder": []},
        {"verify": {"checks": []}},
        {"verify": {"need": 0}},
        {"verify": {"every": "0"}},
        {"nonsense": 1},
        {"name": "-rf"},
        {"name": "*"},
        {"name": ""},
        {"ladder": [a_rung(on=["*"])]},
        {"ladder": [a_rung(on=["-x"])]},
        {"ladder": [a_rung(timeout="0")]},
        {"ladder": [a_rung(mode="sometimes")]},
    ],
)
def test_a_playbook_that_could_do_harm_is_refused(broken: dict[str, object]) -> None:
    whole = {"name": "p", "matchers": ['a="b"'], "ladder": [a_rung()]}
    with pytest.raises(ValidationError):
        Playbook.model_validate({**whole, **broken})


def test_i12_an_empty_list_of_targets_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"ladder\.0\.on"):
        a_playbook(ladder=[a_rung(on=[])])


def test_a_rung_acts_on_each_target_once() -> None:
    with pytest.raises(ValidationError, match="names api twice"):
        a_playbook(ladder=[a_rung(on=["api", "worker", "api"])])


FULL = a_playbook(
    "full",
    matchers=['alertname=~"A|B"', 'env!="dev"', '"weird ключ"="1\\"2"'],
    mode="auto",
    group_by=["service", "env"],
    blocked_by=['alertname="PostgresDown"'],
    cooldown="90s",
    ladder=[
        a_rung("gc", "collect_garbage", timeout="1m30s"),
        a_rung("restart", "restart", up_for="5s", mode="approve", on=["api", "worker"]),
        a_rung("run", "run", argv=["/bin/x", "--flag", ""], amx_env=True, deep={"a": [1, None]}),
    ],
    verify={
        "settle": "250ms",
        "within": "1h30m",
        "checks": [{"http": {"path": "/health"}}, {"alert": "cleared"}],
    },
    notify=["ops"],
    escalate="oncall",
    **{"for": "1d"},
)


@pytest.mark.parametrize("book", [FULL, a_playbook(), a_playbook(notify=[])])
def test_a_playbook_survives_the_journal(book: Playbook) -> None:
    written = book.model_dump(mode="json", by_alias=True)
    again = Playbook.model_validate(written)
    assert again == book
    assert again.model_dump(mode="json", by_alias=True) == written


def test_the_plan_of_an_incident_is_the_playbook_itself() -> None:
    assert Playbook.model_validate(dict(planned(ALERT, a_playbook()).plan)) == a_playbook()


options = st.dictionaries(
    st.text("abcdefgh_", min_size=1, max_size=8).filter(
        lambda key: key not in {"name", "action", "on", "mode", "timeout", "options"}
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)
seconds = st.integers(0, 10**9).map(lambda ms: f"{ms}ms" if ms else "0")


@given(options, seconds, seconds)
def test_any_options_and_durations_survive_the_journal(
    inline: dict[str, object], cooldown: str, settle: str
) -> None:
    book = a_playbook(
        cooldown=cooldown, verify={"settle": settle}, ladder=[{**inline, "action": "restart"}]
    )
    assert dict(book.ladder[0].options) == inline
    assert Playbook.model_validate(book.model_dump(mode="json", by_alias=True)) == book
