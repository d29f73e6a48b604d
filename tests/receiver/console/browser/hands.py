"""What people do with the console, in the words that it shows them."""

from __future__ import annotations

from playwright.async_api import Page

from tests.servers.receiver import OPERATE_TOKEN


async def log_in(page: Page, token: str = OPERATE_TOKEN) -> None:
    """On the page that asks for it."""
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Log in").click()
