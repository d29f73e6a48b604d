"""The console in a drill, as docs/console.md shows it: `python -m tests.e2e.pictures`, which is `make pictures`, with the stack up.

A release is deployed that a human has to be asked about. Before this one says yes, with the button, pictures are taken, and
again when it has healed: each page on a desktop and on a phone, by day and at night. All go to var/pictures; docs/pictures
gets the two halves of each page side by side.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path
from typing import Literal

import aiohttp
from PIL import Image
from playwright.async_api import Browser, Page, StorageState, expect

from demo.deploy import rollout
from demo.drill.drills import DRILLS
from demo.drill.loop import Loop
from demo.drill.run import calm, run
from demo.stack.places import Places, recorded
from prunella.service.clock import SystemClock
from tests.receiver.console.browser.hands import log_in
from tests.servers.browser import DESKTOP, PHONE, chromium, visit

ROOT = Path(__file__).parents[2]
RAW, KEPT = ROOT / "var" / "pictures", ROOT / "docs" / "pictures"
SCHEMES: Sequence[Literal["dark", "light"]] = ("light", "dark")
VIEWPORTS = {"desktop": DESKTOP, "phone": PHONE}
HIGHEST, COLOURS, GAP = 1150, 256, 24
WHEN_ASKED = {"now": "/", "asked": "/incidents/{incident}"}
WHEN_HEALED = {
    "healed": "/incidents/{incident}",
    "history": "/incidents",
    "playbooks": "/playbooks",
    "releases": "/releases",
    "journal": "/journal",
}


class Photographer:
    """One browser, logged in."""

    def __init__(self, browser: Browser, url: str, token: str) -> None:
        self._browser, self._url, self._token = browser, url, token
        self._session: StorageState | None = None

    async def enter(self) -> None:
        """Keeps the session, for every visit from now on."""
        async with visit(self._browser, self._url) as page:
            await page.goto("/")
            await log_in(page, self._token)
            await expect(page.get_by_role("button", name="Log out")).to_be_visible()
            self._session = await page.context.storage_state()

    async def take(self, pages: Mapping[str, str], incident: int) -> None:
        """Each page in each look."""
        for scheme, (name, viewport) in product(SCHEMES, VIEWPORTS.items()):
            async with visit(
                self._browser, self._url, viewport=viewport, scheme=scheme, session=self._session
            ) as page:
                for what, path in pages.items():
                    await page.goto(path.format(incident=incident))
                    await _shoot(page, RAW / f"{what}-{name}-{scheme}.png")

    async def approve(self, incident: int) -> None:
        """With the button."""
        async with visit(self._browser, self._url, session=self._session) as page:
            await page.goto(f"/incidents/{incident}")
            await page.get_by_role("button", name="Approve").click()
            await expect(page.get_by_role("button", name="Approve")).to_be_hidden()


class PhotographedLoop(Loop):
    """Whoever is asked looks around first."""

    photographer: Photographer

    async def approve(self, incident: int) -> None:
        """Says yes in the console."""
        await self.photographer.take(WHEN_ASKED, incident)
        await self.photographer.approve(incident)


async def _shoot(page: Page, file: Path) -> None:
    width, height = await page.evaluate("() => [innerWidth, document.body.scrollHeight]")
    high = min(HIGHEST, max(600, height))
    await page.screenshot(
        path=file, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": high}
    )


def side_by_side(what: str, desktop: str, phone: str) -> None:
    """Both halves of one page in one small file."""
    left, right = (Image.open(RAW / f"{what}-{look}.png") for look in (desktop, phone))
    high = min(HIGHEST, max(left.height, right.height))
    sheet = Image.new("RGB", (left.width + GAP + right.width, high), "#808890")
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + GAP, 0))
    small = sheet.quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(KEPT / f"console-{what}.png", optimize=True)


async def _drill(places: Places, token: str) -> None:
    drill, clock = DRILLS["release-schema"], SystemClock()
    async with AsyncExitStack() as parts:
        session = await parts.enter_async_context(aiohttp.ClientSession())
        shop = await parts.enter_async_context(rollout(places))
        browser = await parts.enter_async_context(chromium())
        loop = PhotographedLoop(session, places, token, shop)
        loop.photographer = Photographer(browser, places.url("receiver"), token)
        await loop.photographer.enter()
        await calm(drill, loop, clock, print)
        incident = 0
        async for stage in run(drill, loop, clock):
            incident = stage.incident or incident
        await loop.photographer.take(WHEN_HEALED, incident)
        await shop.settle()


def main() -> None:
    """Needs the stack."""
    places = recorded(os.environ)
    token = (places.secrets / "operate_token").read_text().strip()
    RAW.mkdir(parents=True, exist_ok=True)
    asyncio.run(_drill(places, token))
    for number, what in enumerate((*WHEN_ASKED, *WHEN_HEALED)):
        night = number % 2
        side_by_side(what, f"desktop-{SCHEMES[night]}", f"phone-{SCHEMES[1 - night]}")


if __name__ == "__main__":
    main()
