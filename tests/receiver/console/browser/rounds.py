"""Every page that links lead to, from the first one on, looked at once: a new page is among them without being named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from playwright.async_api import Page, ViewportSize

from tests.servers.axe_core import violations
from tests.servers.browser import DESKTOP, PHONE

HEAVIEST = 100_000  # bytes of all that a page loads, before they are compressed
SMALL: ViewportSize = {"width": 360, "height": 640}
LINKS = "() => [...document.links].map(link => link.href)"
WEIGHT = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""
# the document's own width has a gutter for a scroll bar in it
SIDEWAYS = "() => document.documentElement.scrollWidth - document.body.clientWidth"
# No element that a template of ours does not hold, and nothing that runs.
ACTING = """() => [...document.querySelectorAll('*')].filter(one =>
    one.matches('script:not([src]), img[src="x"], iframe, object, embed')
    || one.getAttributeNames().some(name => name.startsWith('on'))
    || ['href', 'action', 'src', 'formaction'].some(
        name => /^\\s*(javascript|data|vbscript):/i.test(one.getAttribute(name) ?? ''))
).map(one => one.outerHTML.slice(0, 200))"""
# Captions of columns with more lines than words.
BROKEN = """() => [...document.querySelectorAll('th')].filter(one => {
  const range = document.createRange();
  range.selectNodeContents(one);
  const lines = new Set([...range.getClientRects()].map(rect => Math.round(rect.top)));
  return lines.size > one.textContent.trim().split(/\\s+/).length;
}).map(one => one.textContent)"""
TURNING = (
    "() => document.documentElement.innerHTML.match(/[\\u202a-\\u202e\\u2066-\\u2069]/g) ?? []"
)


async def look_around(page: Page, home: str) -> dict[str, list[str]]:
    """What there is to complain about, by path."""
    return {path: await _complaints(page) async for path in _every_page(page, home)}


async def _every_page(page: Page, home: str) -> AsyncIterator[str]:
    """Opens one after the other."""
    left, known = ["/"], {"/"}
    while left:
        path = left.pop(0)
        await page.goto(path)
        yield path
        for link in await page.evaluate(LINKS):
            there = link.removeprefix(home).partition("#")[0]
            if _is_page(there) and _kind(there) not in known:
                known.add(_kind(there))
                left.append(there)


def _is_page(path: str) -> bool:
    """Whether it is of this place, and no file or data."""
    return path.startswith("/") and not path.startswith(("/static/", "/api/", "/metrics"))


def _kind(path: str) -> str:
    """What it shows: the second runbook looks like the first, each incident is another."""
    folder, _, _ = urlsplit(path).path.rpartition("/")
    return path if folder in {"", "/incidents"} else folder + "/"


async def _complaints(page: Page) -> list[str]:
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(DESKTOP)
    weight = await page.evaluate(WEIGHT)
    found = [f"loads {weight} bytes"] if weight > HEAVIEST else []
    found += [f"acts: {one}" for one in await page.evaluate(ACTING)]
    found += [f"turns a line: U+{ord(one):04X}" for one in await page.evaluate(TURNING)]
    found += [f"by day, on a desktop: {one}" for one in await violations(page)]
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size(PHONE)
    found += [f"at night, on a phone: {one}" for one in await violations(page)]
    await page.set_viewport_size(SMALL)
    if by := await page.evaluate(SIDEWAYS):
        found.append(f"scrolls {by} pixels sideways on a small phone")
    return found + [f"breaks a caption: {one}" for one in await page.evaluate(BROKEN)]
