"""What people do with the console, in the words that it shows them, and what they would complain about."""

from __future__ import annotations

from playwright.async_api import Locator, Page

from tests.servers.receiver import OPERATE_TOKEN

_SHIFTED = """async () => {
  let sum = 0;
  const add = entries => entries.forEach(one => { sum += one.hadRecentInput ? 0 : one.value; });
  const observer = new PerformanceObserver(list => add(list.getEntries()));
  observer.observe({type: 'layout-shift', buffered: true});
  const frame = () => new Promise(requestAnimationFrame);
  await frame(); await frame(); await frame();
  add(observer.takeRecords());
  return sum;
}"""
_OUTLINED = "one => getComputedStyle(one).outlineStyle !== 'none' && getComputedStyle(one).outlineWidth !== '0px'"


async def log_in(page: Page, token: str = OPERATE_TOKEN) -> None:
    """On the page that asks for it."""
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Log in").click()


async def mark(page: Page) -> None:
    """So that it is known when it has been loaded anew."""
    await page.evaluate("() => { window.marked = true; }")


async def is_marked(page: Page) -> bool:
    """Whether it has not been loaded since."""
    return bool(await page.evaluate("() => window.marked === true"))


async def shifted(page: Page) -> float:
    """How far its parts have moved by themselves since it was loaded, as browsers count it (CLS)."""
    return float(await page.evaluate(_SHIFTED))


async def tab_to(page: Page, wanted: Locator, most: int = 60) -> None:
    """By the keyboard alone; each stop on the way can be seen."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        stop = page.locator(":focus")
        assert await stop.evaluate(_OUTLINED), await stop.evaluate("one => one.outerHTML")
        if await wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"not within {most} stops: {wanted}")
