"""A human at the console, in a real browser, while the whole loop does its work behind it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.stack import stack
from tests.receiver.console.browser.hands import is_marked, log_in, mark
from tests.servers.browser import chromium, visit

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
LOOP = 100_000  # milliseconds from a fault to the page, and from the yes to the heal, where others work as well


async def test_a_fault_appears_is_approved_and_heals_on_one_open_page(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, mode="approve") as made,
        chromium() as browser,
        visit(browser, made.receiver.url) as page,
    ):
        await page.goto("/")
        await log_in(page)
        await expect(page.get_by_role("main")).to_contain_text("Nothing is wrong")
        await mark(page)
        await made.break_shop("hang")
        card = page.get_by_role("article")
        await expect(card).to_contain_text("restart on shop", timeout=LOOP)
        assert await is_marked(page)
        assert made.starts() == 1
        await card.get_by_role("button", name="Approve").click()
        await expect(page.locator("#state")).to_contain_text("RESOLVED", timeout=LOOP)
        await expect(page.locator("#timeline")).to_contain_text("recovered")
        assert made.starts() == 2
        assert await made.healthy()
