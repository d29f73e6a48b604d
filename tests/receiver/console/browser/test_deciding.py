"""An incident that asks, and whoever has to answer: by mouse, by keyboard, without a script, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, StorageState, expect

from tests.receiver.console.browser.busy import CONFIG, READ_TOKEN, TILLS, WAITS, alert, ended
from tests.receiver.console.browser.hands import is_marked, log_in, mark, shifted, tab_to
from tests.servers.browser import PHONE, visit
from tests.servers.process import until
from tests.servers.receiver import ReceiverServer, receiver

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="package"),
]

SHIFT_MOST = 0.01


async def asking(house: ReceiverServer, service: str) -> int:
    """The incident of an alert of what no other test has to do with."""
    await house.deliver(alert("Asks", service))
    await house.until_state(WAITS)
    return int((await house.incidents())[0]["id"])


async def approved(house: ReceiverServer, incident: int) -> None:
    """Waits until it has gone on, after ann's word."""

    def said() -> bool:
        rows = house.events("approved")
        return [row["by"] for row in rows if row["incident"] == incident] == ["ann"]

    await until(said, f"incident {incident} approved by ann")


def card(page: Page, incident: int) -> Locator:
    return page.get_by_role("article").filter(has=page.locator(f"[href='/incidents/{incident}']"))


async def test_an_incident_comes_is_approved_and_goes_on_an_open_page(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        receiver(tmp_path, CONFIG) as server,
        visit(browser, server.url) as desk,
        visit(browser, server.url, viewport=PHONE) as phone,
    ):
        for page in (desk, phone):
            await page.goto("/")
            await log_in(page)
            await expect(page.get_by_role("main")).to_contain_text("Nothing is wrong")
        await mark(phone)
        number = await asking(server, "shop")
        for page in (desk, phone):
            await expect(card(page, number)).to_contain_text("/bin/true")
        await card(desk, number).get_by_role("button", name="Approve").click()
        await expect(desk.locator("#said")).to_be_visible()
        await expect(card(phone, number).get_by_role("button", name="Approve")).to_be_hidden()
        await server.deliver(ended(alert("Asks")))
        await expect(card(phone, number)).to_be_hidden()
        assert await is_marked(phone)
        assert await shifted(phone) <= SHIFT_MOST
        assert await shifted(desk) <= SHIFT_MOST


async def test_its_page_follows_it_to_its_end(
    browser: Browser, house: ReceiverServer, session: StorageState
) -> None:
    number = await asking(house, TILLS[0])
    async with visit(browser, house.url, session=session) as page:
        await page.goto(f"/incidents/{number}")
        await page.get_by_role("button", name="Approve").click()
        await approved(house, number)
        await expect(page.locator("#state")).not_to_contain_text("AWAITING")
        await mark(page)
        await house.deliver(ended(alert("Asks", TILLS[0])))
        await expect(page.locator("#state")).to_contain_text("RESOLVED")
        assert await is_marked(page)
        assert await shifted(page) <= SHIFT_MOST


async def test_a_keyboard_is_enough(
    browser: Browser, house: ReceiverServer, session: StorageState
) -> None:
    number = await asking(house, TILLS[1])
    async with visit(browser, house.url, session=session) as page:
        await page.goto(f"/incidents/{number}")
        await tab_to(page, page.get_by_role("link", name="Skip to the content"), most=1)
        await page.keyboard.press("Enter")
        await tab_to(page, page.get_by_role("button", name="Approve"), most=2)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Approve")).to_be_hidden()
        await approved(house, number)


async def test_no_script_is_needed(
    browser: Browser, house: ReceiverServer, session: StorageState
) -> None:
    number = await asking(house, TILLS[2])
    async with visit(browser, house.url, session=session, javascript=False) as page:
        await page.goto("/")
        await card(page, number).get_by_role("link").click()
        await expect(page.get_by_role("main")).to_contain_text("/bin/true")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("button", name="Approve")).to_be_hidden()
        await approved(house, number)


async def test_who_may_only_read_sees_it_and_has_no_buttons(
    browser: Browser, house: ReceiverServer
) -> None:
    number = await asking(house, TILLS[3])
    async with visit(browser, house.url) as page:
        await page.goto(f"/incidents/{number}")
        await log_in(page, READ_TOKEN)
        await expect(page.get_by_role("main")).to_contain_text("/bin/true")
        await expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
