"""Every page, for whoever has to read it: at night, on a phone, with a screen reader, over a bad line, under attack."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, StorageState

from receiver.console.pages import PAGES
from tests.receiver.console.browser.rounds import Look, look_around
from tests.servers.browser import visit
from tests.servers.receiver import ReceiverServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="package"),
]

HEAVIEST = 100_000


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def looks(browser: Browser, house: ReceiverServer, session: StorageState) -> dict[str, Look]:
    """One round for all; there is a hostile alert in the house."""
    async with visit(browser, house.url, session=session) as page:
        return await look_around(page, house.url)


def wrong(looks: dict[str, Look], what: Callable[[Look], object]) -> dict[str, object]:
    """What is to be nothing, and is not, by page."""
    return {path: said for path, look in looks.items() if (said := what(look))}


async def test_links_lead_to_all_there_is(looks: dict[str, Look]) -> None:
    assert looks.keys() >= {page.link.path for page in PAGES if page.link is not None}
    assert "/incidents/2" in looks


async def test_none_has_a_serious_violation_by_day(looks: dict[str, Look]) -> None:
    assert wrong(looks, lambda look: look.by_day) == {}


async def test_none_has_a_serious_violation_at_night_on_a_phone(looks: dict[str, Look]) -> None:
    assert wrong(looks, lambda look: look.by_night) == {}


async def test_none_scrolls_sideways_on_a_small_phone(looks: dict[str, Look]) -> None:
    assert wrong(looks, lambda look: look.sideways) == {}


async def test_no_column_is_too_narrow_for_its_caption(looks: dict[str, Look]) -> None:
    assert wrong(looks, lambda look: look.broken) == {}


async def test_none_is_heavy(looks: dict[str, Look]) -> None:
    assert wrong(looks, lambda look: look.weight > HEAVIEST and look.weight) == {}


async def test_what_an_alert_says_runs_nowhere(looks: dict[str, Look]) -> None:
    assert wrong(looks, lambda look: look.acting) == {}


async def test_what_an_alert_says_turns_no_line_around(looks: dict[str, Look]) -> None:
    assert wrong(looks, lambda look: look.turning) == {}
