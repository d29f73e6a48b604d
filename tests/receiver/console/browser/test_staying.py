"""Pages that are left open: many of them at once, and past the end of the receiver that made them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.receiver.console.browser.busy import CONFIG
from tests.receiver.console.browser.hands import is_marked, log_in, mark, shifted
from tests.servers.browser import visit
from tests.servers.process import until
from tests.servers.receiver import ReceiverServer, receiver

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="package"),
]

MANY = 10  # more than a browser has connections to one place
LONG = 60_000  # milliseconds: a look, its deadline and the next look, beside others who work
# What a browser does with a tab behind another one; one without a screen shows all of them.
_HIDDEN = """hidden => {
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event('visibilitychange'));
}"""

# So that what it shows is what it was told: it does not look every half minute.
_PATIENT = "{ const wait = setTimeout; window.setTimeout = (then, ms) => ms < 30000 ? wait(then, ms) : 0; }"


def age(page: Page) -> Locator:
    return page.get_by_role("status").filter(has_text="Not up to date since")


async def told(page: Page, server: ReceiverServer) -> None:
    """Waits until it shows what has happened. What happens before it listens it does not hear of, hence again."""

    async def shown() -> bool:
        await server.post("/api/v1/pause", {"reason": "we deploy"})
        return "we deploy" in await page.locator("#guards").inner_text()

    await until(shown, "the pause on the page")


async def test_many_windows_may_be_shown_and_all_are_told_of_what_happens(
    browser: Browser, tmp_path: Path
) -> None:
    async with receiver(tmp_path, CONFIG) as server, visit(browser, server.url) as page:
        await page.context.add_init_script(_PATIENT)
        await page.goto("/")
        await log_in(page)
        windows = [page, *[await page.context.new_page() for _ in range(MANY)]]
        for window in windows:
            await window.goto("/")
            await expect(window.locator("#guards")).to_contain_text("The mode is auto")
            await mark(window)
        for window in windows:
            await told(window, server)
            assert await is_marked(window)


async def test_where_windows_share_nothing_each_listens_for_itself(
    browser: Browser, tmp_path: Path
) -> None:
    async with receiver(tmp_path, CONFIG) as server, visit(browser, server.url) as page:
        await page.add_init_script(f"{_PATIENT}; delete window.SharedWorker;")
        await page.goto("/")
        await log_in(page)
        await expect(page.locator("#guards")).to_contain_text("The mode is auto")
        await mark(page)
        await told(page, server)
        assert await is_marked(page)


async def test_a_page_that_is_shown_again_has_what_came_meanwhile(
    browser: Browser, tmp_path: Path
) -> None:
    async with receiver(tmp_path, CONFIG) as server, visit(browser, server.url) as page:
        await page.goto("/")
        await log_in(page)
        await expect(page.get_by_role("main")).to_contain_text("The mode is auto")
        await page.evaluate(_HIDDEN, True)
        await server.post("/api/v1/pause", {"reason": "we deploy"})
        await page.evaluate(_HIDDEN, False)
        await expect(page.locator("#guards")).to_contain_text("we deploy")
        await server.post("/api/v1/resume", {})
        await expect(page.locator("#guards")).not_to_contain_text("we deploy")


async def test_a_page_says_how_old_it_is_while_its_receiver_does_not_answer(
    browser: Browser, tmp_path: Path
) -> None:
    async with receiver(tmp_path, CONFIG) as server, visit(browser, server.url) as page:
        await page.goto("/")
        await log_in(page)
        await expect(page.get_by_role("main")).to_contain_text("The mode is auto")
        await mark(page)
        server.process.signal(signal.SIGSTOP)
        await page.evaluate(_HIDDEN, False)  # it looks at once
        await expect(age(page)).to_contain_text("UTC: the receiver does not answer", timeout=LONG)
        server.process.signal(signal.SIGCONT)
        await expect(age(page)).to_be_hidden(timeout=LONG)
        server.kill()
        await expect(age(page)).to_be_visible(timeout=LONG)
        await server.begin()
        await expect(age(page)).to_be_hidden(timeout=LONG)
        assert await is_marked(page)
        assert await shifted(page) == 0
