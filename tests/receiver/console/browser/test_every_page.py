"""Every page, for whoever has to read it: at night, on a phone, with a screen reader, over a bad line, under attack."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, StorageState

from receiver.console.pages import PAGES
from tests.receiver.console.browser.rounds import look_around
from tests.servers.browser import visit
from tests.servers.receiver import ReceiverServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="package"),
]


async def test_nobody_has_to_complain_about_a_page_and_a_hostile_alert_is_text_on_all(
    browser: Browser, house: ReceiverServer, session: StorageState
) -> None:
    # one test, because the round is what takes time
    async with visit(browser, house.url, session=session) as page:
        looks = await look_around(page, house.url)
    assert looks.keys() >= {page.link.path for page in PAGES if page.link is not None}
    assert "/incidents/2" in looks
    assert {path: found for path, found in looks.items() if found} == {}
