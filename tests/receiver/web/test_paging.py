"""A page of a long list: what is asked for is listed, and what is no page is said to be none."""

from __future__ import annotations

from pathlib import Path

import pytest

from prunella.service.answers import Refused
from receiver.web.paging import MOST, before_of, limit_of
from tests.receiver.web.serving import serving

LISTS = ("/api/v1/incidents", "/api/monitoring/alerts")


@pytest.mark.parametrize(
    ("query", "limit"),
    [({}, 100), ({"limit": "7"}, 7), ({"limit": "0"}, 1), ({"limit": "9999"}, MOST)],
)
def test_a_list_has_neither_no_end_nor_nothing(query: dict[str, str], limit: int) -> None:
    assert limit_of(query, 100) == limit


@pytest.mark.parametrize(
    ("query", "before"), [({}, None), ({"before": ""}, None), ({"before": "12"}, 12)]
)
def test_a_page_begins_before_a_number_or_at_the_newest(
    query: dict[str, str], before: int | None
) -> None:
    assert before_of(query) == before


@pytest.mark.parametrize("before", ["x", "-1", "1_0", "9" * 19, "\N{ARABIC-INDIC DIGIT ONE}", " 1"])
def test_what_is_no_number_is_refused(before: str) -> None:
    with pytest.raises(Refused, match="`before` must be a number"):
        before_of({"before": before})


async def test_every_list_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        asked = [f"{path}?{query}" for path in LISTS for query in ("limit=x", "before=x")]
        asked.append("/api/v1/releases?limit=x")
        answers = [await client.ask("GET", path) for path in asked]
    assert {(one.status, one.json["reason"]) for one in answers} == {(400, "bad_query")}
