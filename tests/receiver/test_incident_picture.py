"""What is drawn of an incident. That it is a good picture was judged by eye; here that there always is one."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from receiver.incident_picture import picture
from receiver.outside.pictures import OF_INCIDENTS, Pictures
from receiver.stages.illustrations import MOST_BYTES

BROKE = 1_789_956_725.0
OPS = ("<", "<=", ">", ">=", "==", "!=")
TITLES = (
    "$\\frac{1}{0}$ \\unknown{",
    "\u0627\u0644\u0639 \U0001f4a9 \u202e e\u0301\u0301\u0301",
    "<b>&amp; %s {0} #",
    "W" * 60,
    "",
)
VALUES = st.one_of(
    st.floats(-1e100, 1e100), st.sampled_from((0.0, -0.0, 1e100, -1e100, 5e-324, 0.02))
)


def a_document(**changes: Any) -> dict[str, Any]:
    marks = [
        {"at": BROKE, "caption": "broke", "kind": "began"},
        {"at": BROKE + 20, "caption": "restart", "kind": "acted"},
        {"at": BROKE + 200, "caption": "healed", "kind": "healed"},
    ]
    start, end = BROKE - 900, BROKE + 240
    series = [[start + at, 0.3 if at > 880 else 0.01] for at in range(0, 1140, 5)]
    known = {"where": "shop", "title": "HighErrorRate", "event": "healed", "query": "up"}
    limit = {"op": "<", "value": 0.02, "series": [series], "count": 1}
    times = {"start": start, "end": end, "step": 5.0, "marks": marks}
    return {**known, **limit, **times, **changes}


def drawn(document: dict[str, Any]) -> Image.Image:
    png = picture(json.loads(json.dumps(document)))
    assert len(png) <= MOST_BYTES
    return Image.open(io.BytesIO(png))


def red(image: Image.Image) -> int:
    """How many pixels are."""
    colours = image.convert("RGB").getcolors(1 << 20) or []
    reds = (n for n, one in colours if isinstance(one, tuple) and one[0] > 180 and one[1] < 70)
    return sum(reds)


def test_it_is_small_and_wide_on_a_light_ground() -> None:
    image = drawn(a_document())
    assert (image.format, image.size) == ("PNG", (960, 405))
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.filterwarnings("ignore:Glyph")  # what no font has is drawn as a box
@pytest.mark.parametrize("title", TITLES)
def test_no_title_is_read_as_anything_but_a_title(title: str) -> None:
    drawn(a_document(title=title, where=title, query=title))


@pytest.mark.parametrize(
    ("event", "op"),
    list(zip(["opened", "ineffective", "escalated", "healed", "x", "opened"], OPS, strict=True)),
)
def test_every_event_and_every_comparison_has_a_picture(event: str, op: str) -> None:
    drawn(a_document(event=event, op=op))


def test_what_is_wrong_is_red_and_what_is_right_is_not() -> None:
    right = [[BROKE - 900, 0.01], [BROKE, 0.01], [BROKE + 240, 0.01]]
    well = {"series": [right], "marks": [], "step": 600.0, "op": "==", "value": 0.01}
    wrong = {**well, "value": 0.2}
    assert red(drawn(a_document(**wrong))) > red(drawn(a_document(**well))) + 500


def test_many_marks_at_one_moment_are_drawn() -> None:
    marks = [{"at": BROKE, "caption": "restart failed", "kind": "acted"}] * 9
    drawn(a_document(marks=marks))


@settings(max_examples=12)
@given(
    values=st.lists(VALUES, min_size=1, max_size=6),
    limit=VALUES,
    op=st.sampled_from(OPS),
    many=st.integers(1, 5),
)
def test_whatever_was_measured_there_is_a_picture(
    values: list[float], limit: float, op: str, many: int
) -> None:
    series = [[BROKE - 900 + 180 * at, value] for at, value in enumerate(values)]
    drawn(a_document(series=[series] * many, value=limit, op=op, count=many))


async def test_another_process_draws_it() -> None:
    png = await Pictures(OF_INCIDENTS).draw(a_document())
    assert png.startswith(b"\x89PNG")
