"""What came of a form is said to whoever has sent it, and nobody can make a page say it by a link."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.console.notes import FOR, see_what_came_of, what_was_said
from receiver.console.page import VISITOR, Visitor
from tests.receiver.console.happening import asking
from tests.receiver.console.test_frame import request
from tests.receiver.console.test_incident import PAGE
from tests.receiver.console.visiting import Seen, browsing
from tests.receiver.web.serving import READ

NOW = 1_789_949_100.0


def led(csrf: str | None, path: str = "/", word: str = "pause") -> str:
    """Where a form of this visitor's leads."""
    asked = request(path)
    asked[VISITOR] = Visitor("ann", operates=True, csrf=csrf)
    return see_what_came_of(asked, path, word, NOW).headers["Location"]


def heard(csrf: str | None, there: str, now: float = NOW) -> str:
    asked = request(there)
    asked[VISITOR] = Visitor("ann", operates=True, csrf=csrf)
    return what_was_said(asked, now)


def test_whoever_sent_a_form_is_told_what_came_of_it() -> None:
    assert heard("mine", led("mine"), NOW + FOR) == "pause"


def test_it_is_said_for_a_minute() -> None:
    assert heard("mine", led("mine"), NOW + FOR + 1) == ""


def test_nobody_else_is_told_so_nor_on_another_page() -> None:
    there = led("mine")
    assert heard("another", there) == ""
    assert heard("mine", there.replace("/?", "/incidents/1?")) == ""
    assert heard("mine", there.replace("pause", "resume")) == ""


@pytest.mark.parametrize("said", ["pause", "pause.", "pause.1", "pause.1.", f"pause.{'9' * 400}.x"])
def test_what_was_not_signed_is_not_said(said: str) -> None:
    assert heard("mine", f"/?said={said}") == ""


def test_a_program_needs_no_telling() -> None:
    assert led(None) == "/"
    assert heard(None, "/?said=pause.1.x") == ""


def notes(seen: Seen) -> list[str]:
    return [said["id"] for _, said in seen.markup.tags if said.get("id") == "said"]


async def test_a_link_makes_no_page_say_what_is_not_so(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client), browsing(client) as reader:
        await reader.login(READ)
        mine = await browser.press(await browser.open(PAGE), f"{PAGE}/acknowledge")
        theirs = await reader.open(mine.path)
        made_up = [
            await browser.open(f"{path}?said={word}")
            for path, word in (("/", "pause"), (PAGE, "approve"), ("/playbooks/errors", "promote"))
        ]
    assert notes(mine) == ["said"]
    assert [notes(one) for one in (theirs, *made_up)] == [[]] * 4
