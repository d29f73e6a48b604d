"""A session in a real browser: with its cookies, its redirects and its idea of what came from where."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, StorageState, expect

from tests.receiver.console.browser.hands import log_in
from tests.receiver.web.serving import AUTH, READ, serving
from tests.servers.browser import visit
from tests.servers.receiver import ReceiverServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="package"),
]

WRONG = frozenset({401})


async def test_a_token_opens_the_page_that_was_asked_for(
    browser: Browser, house: ReceiverServer
) -> None:
    async with visit(browser, house.url) as page:
        await page.goto("/runbooks/RedisDown")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
        await log_in(page)
        await expect(page).to_have_url(f"{house.url}/runbooks/RedisDown")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("RedisDown")


async def test_a_wrong_token_is_told_so_and_may_try_again(
    browser: Browser, house: ReceiverServer
) -> None:
    async with visit(browser, house.url, refusals=WRONG) as page:
        await page.goto("/runbooks")
        await log_in(page, "mistyped")
        await expect(page.get_by_role("alert")).to_contain_text("opens nothing")
        await expect(page.get_by_label("Token")).to_be_focused()
        await log_in(page)
        await expect(page).to_have_url(f"{house.url}/runbooks")


async def test_who_has_logged_out_does_not_come_back_by_the_back_button(
    browser: Browser, house: ReceiverServer
) -> None:
    async with visit(browser, house.url) as page:
        await page.goto("/runbooks")
        await log_in(page)
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_label("Token")).to_be_visible()
        await page.go_back()
        await expect(page.get_by_label("Token")).to_be_visible()


async def test_no_script_can_read_the_session(
    browser: Browser, house: ReceiverServer, session: StorageState
) -> None:
    async with visit(browser, house.url, session=session) as page:
        await page.goto("/runbooks")
        assert await page.evaluate("document.cookie") == ""
        (cookie,) = await page.context.cookies()
        assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")


async def test_a_link_in_a_message_finds_the_session_that_is_there(
    browser: Browser, house: ReceiverServer, session: StorageState
) -> None:
    async with visit(browser, house.url, session=session) as page:
        await page.set_content(f"<a href='{house.url}/runbooks/RedisDown'>from the chat</a>")
        await page.get_by_role("link").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("RedisDown")


async def test_a_token_that_is_taken_away_takes_its_session_along(
    browser: Browser, tmp_path: Path
) -> None:
    async with serving(tmp_path) as client, visit(browser, client.url) as page:
        await page.goto("/runbooks")
        await log_in(page, READ)
        await expect(page).to_have_url(f"{client.url}/runbooks")
        client.write(auth={**AUTH, "read": []})
        await client.ask("POST", "/-/reload", data=b"{}")
        await page.reload()
        await expect(page.get_by_label("Token")).to_be_visible()
