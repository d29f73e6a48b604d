from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, StorageState, expect

from tests.receiver.console.browser.busy import busy
from tests.receiver.console.browser.hands import log_in
from tests.servers.browser import chromium, visit
from tests.servers.receiver import ReceiverServer


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    """It takes a second to come up, and longer where others work."""
    async with chromium() as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ReceiverServer]:
    """For tests that change nothing which another one looks at."""
    async with busy(tmp_path_factory.mktemp("busy")) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def session(browser: Browser, house: ReceiverServer) -> StorageState:
    """Ann's in the house, who may operate."""
    async with visit(browser, house.url) as page:
        await page.goto("/runbooks")
        await log_in(page)
        await expect(page.get_by_role("button", name="Log out")).to_be_visible()
        return await page.context.storage_state()
