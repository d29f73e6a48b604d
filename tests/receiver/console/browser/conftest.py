from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.receiver.console.browser.busy import busy
from tests.servers.browser import chromium
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
