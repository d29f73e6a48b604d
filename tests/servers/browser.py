"""Debian's Chromium, driven by Playwright: `async with chromium() as browser, visit(browser, url) as page:`.

A visit is strict: what the page says on its console as an error, an error of its scripts, a breach of its policy, a
request to another host, a refused request that the test did not expect: each fails the test that made the visit.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    StorageState,
    ViewportSize,
    async_playwright,
    expect,
)

PATIENCE = 20_000  # milliseconds: a machine that does something else meanwhile is not an error
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
ARGUMENTS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
# Said of every answer from 400 on, also of those that a test has asked for; the answers are looked at themselves.
_ANSWERED = "Failed to load resource"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """One browser, for as many visits as there are."""
    program = shutil.which("chromium")
    assert program is not None, "there is no chromium: apt-get install chromium"
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=ARGUMENTS,
            chromium_sandbox=os.geteuid() != 0,  # which it refuses to make for root
            timeout=3 * PATIENCE,
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def visit(
    browser: Browser,
    url: str,
    *,
    viewport: ViewportSize = DESKTOP,
    scheme: Literal["dark", "light"] = "light",
    javascript: bool = True,
    session: StorageState | None = None,
    refusals: frozenset[int] = frozenset(),
) -> AsyncIterator[Page]:
    """An empty page of somebody who has been here as long as `session` says. `refusals` are the answers ≥ 400 that
    belong to the test."""
    context = await browser.new_context(
        base_url=url,
        viewport=viewport,
        color_scheme=scheme,
        java_script_enabled=javascript,
        storage_state=session,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE)
    troubles = _watched(context, urlsplit(url).netloc, refusals)
    try:
        yield await context.new_page()
    finally:
        # Playwright waits for ever for a page that is on its way to another: a test ends with what it has led to
        async with asyncio.timeout(PATIENCE / 1000):
            await context.close()
    assert not troubles, "\n".join(troubles)


def _watched(context: BrowserContext, host: str, refusals: frozenset[int]) -> list[str]:
    """What goes wrong in it from now on."""
    troubles: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_ANSWERED):
            troubles.append(f"console: {message.text}")

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc != host:
            troubles.append(f"a request to {request.url[:200]}")

    def answered(response: Response) -> None:
        if response.status >= 400 and response.status not in refusals:
            troubles.append(f"{response.status} of {response.url[:200]}")

    context.on("console", said)
    context.on("weberror", lambda error: troubles.append(f"script: {error.error}"))
    context.on("request", asked)
    context.on("response", answered)
    return troubles
