"""Which metric is shown of an incident, over which time, and what is marked on it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.facts import Story
from receiver.decide.illustration import Metric, deciding_metric, document, times_of
from receiver.decide.plan import Playbook
from receiver.decide.values import changed
from receiver.tools import MOST_POINTS, Series
from tests.receiver.builders import NOW, a_playbook, an_incident

RATE = Metric("rate", "<", 0.02)
CHECK = {"query": "rate", "op": "<", "value": 0.02}


def a_book(*checks: dict[str, Any]) -> Playbook:
    book = a_playbook()
    return book.model_copy(update={"verify": book.verify.model_copy(update={"checks": checks})})


def a_story(*rows: dict[str, Any], **changes: Any) -> Story:
    return Story(changed(an_incident(), **changes), a_book({"promql": CHECK}), NOW + 120, rows=rows)


def shown(story: Story, *found: Series, metric: Metric = RATE) -> dict[str, Any]:
    made = document(story, "healed", metric, found or (((NOW, 0.5),),))
    assert made is not None
    return dict(json.loads(json.dumps(made, allow_nan=False)))


ACTED = {"ev": "outcome", "t": NOW + 10, "kind": "restart", "target": "shop", "result": "ok"}
WELL = {"ev": "verdict", "t": NOW + 60, "verdict": "recovered"}


def test_the_first_check_that_asks_prometheus_decides() -> None:
    book = a_book({"http": {"path": "/"}}, {"promql": CHECK}, {"promql": {**CHECK, "value": 7}})
    assert deciding_metric(book) == RATE


def test_without_such_a_check_there_is_nothing_to_be_shown() -> None:
    assert deciding_metric(a_book({"alert": "cleared"})) is None
    assert deciding_metric(None) is None


def test_before_anything_was_done_the_hour_before_is_shown() -> None:
    start, end, step = times_of(a_story())
    assert end - start >= 3600
    assert (end - start) / step <= MOST_POINTS - 1


def test_what_was_done_within_minutes_is_not_drawn_an_hour_wide() -> None:
    start, end, _ = times_of(a_story(ACTED))
    assert end - start < 3600


def test_a_long_incident_has_no_more_points_than_a_short_one() -> None:
    start, end, step = times_of(replace(a_story(ACTED), now=NOW + 9e6))
    assert (end - start) / step <= MOST_POINTS - 1


def test_what_was_done_and_whether_it_helped_is_marked() -> None:
    marks = shown(a_story(ACTED, WELL))["marks"]
    assert [one["caption"] for one in marks] == ["broke", "restart", "healed"]
    assert [one["at"] for one in marks[1:]] == [NOW + 10, NOW + 60]


def test_a_failed_action_says_so_and_a_cancelled_one_was_none() -> None:
    rows = ({**ACTED, "result": "cancelled"}, {**ACTED, "result": "failed"})
    marks = shown(a_story(*rows))["marks"]
    assert [one["caption"] for one in marks] == ["broke", "restart failed"]


def test_an_action_that_its_alerts_end_called_off_says_so() -> None:
    marks = shown(a_story({**ACTED, "result": "cancelled", "reason": "resolved"}))["marks"]
    assert [one["caption"] for one in marks] == ["broke", "restart stopped"]


def test_well_once_and_acted_on_again_is_not_healed() -> None:
    marks = shown(a_story(ACTED, WELL, ACTED))["marks"]
    assert marks[-1]["kind"] == "acted"


@pytest.mark.parametrize(("op", "worst"), [("<", 9.0), (">", -9.0), ("==", 9.0), ("!=", 0.02)])
def test_of_many_series_the_worst_are_shown(op: str, worst: float) -> None:
    found: list[Series] = [((NOW, value),) for value in (0.1, 0.02, -9.0, 9.0, 0.3, 0.4, 0.5)]
    said = shown(a_story(), *found, metric=Metric("rate", op, 0.02))
    assert (len(said["series"]), said["count"]) == (5, 7)
    assert abs(said["series"][0][0][1]) == abs(worst)


def test_without_a_single_value_there_is_no_picture() -> None:
    nothing: Series = ((NOW, math.nan), (NOW + 1, math.inf))
    assert document(a_story(), "healed", RATE, (nothing, ())) is None


@given(
    st.lists(st.tuples(st.just(NOW), st.floats()), min_size=1, max_size=5),
    st.text(max_size=300),
)
def test_whatever_was_measured_and_named_can_be_handed_over(
    series: list[tuple[float, float]], words: str
) -> None:
    usual: Series = ((NOW, 1.0),)
    story = a_story(title=words, targets=(words,))
    said = shown(story, tuple(series), usual, metric=Metric(words, "<", 0.02))
    assert all(math.isfinite(v) for one in said["series"] for _, v in one)
    assert max(len(said["title"]), len(said["query"])) <= 110
    assert not {category(one) for one in said["title"] + said["query"]} & {"Cc", "Cs", "Zl"}
