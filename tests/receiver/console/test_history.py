"""The history: whatever is looked for is found, page by page, and what stands in a title is text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from receiver.console.history import PAGE
from tests.receiver.console.happening import deliver
from tests.receiver.console.visiting import Seen, visiting
from tests.receiver.rig import firing

QUIET = {"mode": "shadow", "channels": {}}


def numbers(page: Seen) -> list[int]:
    return [int(one) for one in re.findall(r'class="card"><a href="/incidents/(\d+)"', page.text)]


async def look(folder: Path, alerts: Sequence[dict[str, object]], *paths: str) -> list[Seen]:
    """These alerts are delivered, and the pages opened."""
    async with visiting(folder, **QUIET) as (browser, client):
        await deliver(client, *alerts)
        await browser.login()
        return [await browser.open(path) for path in paths]


def of_nobody(number: int, summary: str = "late") -> dict[str, object]:
    """An alert that no playbook answers, so that each is an incident."""
    return firing(
        fingerprint=f"n{number}",
        labels={"alertname": f"Late{number}"},
        annotations={"summary": f"{summary} {number}"},
    )


async def test_before_there_was_one_it_says_so(tmp_path: Path) -> None:
    (page,) = await look(tmp_path, [], "/incidents")
    assert (page.status, "There was none yet." in page.markup.text) == (200, True)


async def test_the_newest_are_first_and_the_older_ones_a_link_away(tmp_path: Path) -> None:
    alerts = [of_nobody(number) for number in range(PAGE + 10)]
    first, older = await look(tmp_path, alerts, "/incidents", f"/incidents?before={11}")
    assert numbers(first) == list(range(PAGE + 10, 10, -1))
    link = first.markup.with_id("older")
    assert link is not None
    assert link["href"] == "/incidents?before=11"
    assert (numbers(older), older.markup.with_id("older")) == (list(range(10, 0, -1)), None)


async def test_what_is_looked_for_is_found_and_stays_in_the_form(tmp_path: Path) -> None:
    alerts = [firing(), of_nobody(1), of_nobody(2, "slow"), firing("cache")]
    paths = ("?playbook=errors", "?target=shop", "?text=SLOW", "?state=ESCALATED&text=late")
    pages = await look(tmp_path, alerts, *(f"/incidents{path}" for path in paths))
    assert [numbers(page) for page in pages] == [[4, 1], [1], [3], [2]]
    field = pages[2].markup.with_id("text")
    assert field is not None
    assert field["value"] == "SLOW"


async def test_what_nobody_has_acknowledged_is_found_a_page_at_a_time(tmp_path: Path) -> None:
    many = PAGE + 2
    async with visiting(tmp_path, **QUIET) as (browser, client):
        await deliver(client, *map(of_nobody, range(many)))
        await browser.login()
        await browser.press(
            await browser.open(f"/incidents/{many}"), f"/incidents/{many}/acknowledge"
        )
        first = await browser.open("/incidents?waiting=yes")
        link = first.markup.with_id("older")
        assert link is not None
        older = await browser.open(link["href"])
    assert numbers(first) + numbers(older) == list(range(many - 1, 0, -1))


async def test_a_day_is_whole(tmp_path: Path) -> None:
    both, past = await look(
        tmp_path,
        [of_nobody(1)],
        "/incidents?since=2020-01-01&until=2099-12-31",
        "/incidents?until=2020-01-01",
    )
    assert (numbers(both), numbers(past)) == ([1], [])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=yesterday", "'yesterday' is not a day like 2026-11-22"),
        ("until=2026-99-01", "'2026-99-01' is not a day"),
        ("before=x", "`before` must be a number"),
        ("before=-1", "`before` must be a number"),
        ("waiting=banana", "`waiting` must be yes"),
        ("from=banana", "there is no search term 'from'; known: playbook, "),
        ("untill=2026-11-22", "there is no search term 'untill' (did you mean until?)"),
    ],
)
async def test_what_cannot_be_looked_for_is_said_in_place_of_what_is_found(
    tmp_path: Path, query: str, said: str
) -> None:
    (page,) = await look(tmp_path, [], f"/incidents?{query}")
    assert (page.status, said in page.markup.text) == (400, True)


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", '"><img src=x>', "' OR 1=1 --", "%"])
async def test_hostile_words_are_text_in_titles_and_in_the_form(tmp_path: Path, word: str) -> None:
    alert = of_nobody(1, word)
    (page,) = await look(tmp_path, [alert], f"/incidents?text={quote(word)}&state={quote(word)}")
    tags = {tag for tag, _ in page.markup.tags}
    assert page.status == 200
    assert not tags & {"script", "img"}
