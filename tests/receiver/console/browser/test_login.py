"""A session in a real browser: with its cookies, its redirects and its idea of what came from where."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from playwright.async_api import Browser, Page, expect

from tests.receiver.console.browser.busy import CONFIG
from tests.servers.browser import visit
from tests.servers.receiver import OPERATE_TOKEN, ReceiverServer, receiver

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="package")]

WRONG = frozenset({401})


async def log_in(page: Page, token: str = OPERATE_TOKEN) -> None:
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Log in").click()


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


async def test_no_script_can_read_the_session(browser: Browser, house: ReceiverServer) -> None:
    async with visit(browser, house.url) as page:
        await page.goto("/login")
        await log_in(page)
        await expect(page.get_by_role("button", name="Log out")).to_be_visible()
        assert await page.evaluate("document.cookie") == ""
        (cookie,) = await page.context.cookies()
        assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")


async def test_a_link_in_a_message_finds_the_session_that_is_there(
    browser: Browser, house: ReceiverServer
) -> None:
    async with visit(browser, house.url) as page:
        await page.goto("/login")
        await log_in(page)
        await expect(page.get_by_role("button", name="Log out")).to_be_visible()
        await page.goto("about:blank")
        await page.set_content(f"<a href='{house.url}/runbooks/RedisDown'>from the chat</a>")
        await page.get_by_role("link").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("RedisDown")


async def test_a_token_that_is_taken_away_takes_its_session_along(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        receiver(tmp_path, CONFIG) as server,
        visit(browser, server.url) as page,
    ):
        await page.goto("/runbooks")
        await log_in(page, CONFIG["auth"]["read"][0]["token"])
        await expect(page).to_have_url(f"{server.url}/runbooks")
        config = yaml.safe_load(server.config.read_text())
        del config["auth"]["read"]
        server.config.write_text(yaml.safe_dump(config))
        assert (await server.post("/-/reload", {}))[0] == 200
        await page.reload()
        await expect(page.get_by_label("Token")).to_be_visible()
