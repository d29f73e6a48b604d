"""The deciding metric as a picture: in its place, in words too, and harmless whatever a label says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from receiver.console.chart import BOTTOM, LEFT, RIGHT, TOP, Chart, chart, in_words
from receiver.console.charts import Charts
from receiver.decide.facts import Story
from receiver.decide.plan import Playbook
from receiver.tools import OutsideError
from tests.receiver.builders import an_incident
from tests.receiver.console.happening import ONE_RUNG
from tests.receiver.rig import START, Rig, rig

DRAWN: dict[str, Any] = {
    "query": "errors", "op": "<", "value": 0.5, "series": [((0.0, 0.0), (10.0, 1.0), (20.0, 0.25))], "count": 1,
    "start": 0.0, "end": 20.0, "step": 10.0, "marks": [{"at": 10.0, "caption": "broke", "kind": "began"}],
}  # fmt: skip


def test_time_goes_from_edge_to_edge_and_values_from_below() -> None:
    drawn = chart({**DRAWN, "series": [((0.0, 0.0), (20.0, 1.1))], "step": 20.0})
    first, last = (point.split(",") for point in drawn.lines[0].split())
    assert [*map(float, first)] == [LEFT, BOTTOM]
    assert float(last[0]) == RIGHT
    assert TOP <= float(last[1]) < TOP + 20


def test_what_is_wrong_lies_on_the_wrong_side_of_the_limit() -> None:
    assert chart(DRAWN).wrong == (TOP, chart(DRAWN).limit)
    assert chart({**DRAWN, "op": ">="}).wrong == (chart(DRAWN).limit, BOTTOM)
    begins, ends = chart({**DRAWN, "op": "=="}).wrong
    assert begins == ends


def test_a_gap_stays_one_and_a_lone_value_is_a_dot() -> None:
    drawn = chart({**DRAWN, "series": [((0.0, 1.0), (10.0, 1.0), (50.0, 1.0))], "end": 50.0})
    assert (len(drawn.lines), len(drawn.dots)) == (1, 1)


def test_one_value_that_is_always_the_same_has_a_place() -> None:
    drawn = chart({**DRAWN, "value": 0.0, "series": [((0.0, 0.0),)], "end": 0.0, "marks": []})
    assert all(TOP <= y <= BOTTOM for _, y in drawn.dots)


def test_whoever_sees_nothing_is_told() -> None:
    assert in_words(DRAWN) == "errors: 0.25 at 00:00:20, should be < 0.5; broke at 00:00:10"


def seconds_apart(*captions: str) -> Chart:
    marks = [{"at": 19.0, "caption": caption, "kind": "acted"} for caption in captions]
    return chart({**DRAWN, "marks": marks})


def test_captions_of_one_moment_stand_over_each_other_and_all_are_told() -> None:
    drawn = seconds_apart("restart failed", "rollback", "healed")
    assert [mark.caption.y for mark in drawn.marks] == [41, 27, 13]
    assert drawn.label.endswith(
        "; restart failed at 00:00:19; rollback at 00:00:19; healed at 00:00:19"
    )


def test_more_rows_of_captions_than_there_is_room_for_make_the_curve_less_high() -> None:
    assert seconds_apart("one", "two").wrong[0] == TOP
    drawn = seconds_apart(*"12345")
    assert (drawn.wrong[0], min(mark.y for mark in drawn.marks)) == (76, 4)


@dataclass
class Measured:
    """A story whose playbook asks Prometheus."""

    rig: Rig
    charts: Charts = field(init=False)

    def __post_init__(self) -> None:
        self.charts = Charts(self.rig.context)

    def story(self, *checks: dict[str, Any]) -> Story:
        asked = checks or ({"promql": {"query": "errors", "op": "<", "value": 0.5}},)
        book = Playbook.model_validate({**ONE_RUNG, "verify": {"checks": list(asked)}})
        return Story(an_incident(), book, START)


async def test_a_page_shows_what_prometheus_says_and_asks_once_for_many_looks() -> None:
    async with rig() as inside:
        inside.prometheus.history = (((START - 60, 1.0), (START - 30, 0.2)),)
        measured = Measured(inside)
        looks = [await measured.charts.of(measured.story()) for _ in range(3)]
        assert all(look is not None and look.picture is not None for look in looks)
        assert len(inside.prometheus.drawn) == 1


async def test_where_nothing_is_measured_the_page_says_so() -> None:
    async with rig() as inside:
        measured = Measured(inside)
        nothing = await measured.charts.of(measured.story())
        inside.clock.at += 60
        inside.prometheus.error = OutsideError("gone")
        gone = await measured.charts.of(measured.story())
    assert nothing is not None
    assert (nothing.picture, nothing.why) == (None, "Nothing was measured.")
    assert gone is not None
    assert (gone.picture, gone.why) == (None, "Prometheus could not be asked.")


async def test_where_no_check_asks_prometheus_there_is_no_picture(tmp_path: Path) -> None:
    async with rig() as inside:
        measured = Measured(inside)
        assert await measured.charts.of(measured.story({"alert": "cleared"})) is None


async def test_what_is_remembered_has_an_end() -> None:
    async with rig() as inside:
        measured = Measured(inside)
        for number in range(80):
            story = measured.story()
            await measured.charts.of(Story(an_incident(number), story.book, START))
        assert len(measured.charts._asked) <= 65
