"""The browser sees what it is meant to see: a visit to a bad page fails, one to a good page does not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, expect

from tests.servers.axe_core import violations
from tests.servers.browser import chromium, visit

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

HEAD = "<!doctype html><html lang=en><title>A page</title><link rel=icon href='data:,'><main><h1>Hello</h1>"
PAGES = {
    "good": "<p>all is well</p>",
    "shouting": "<script>console.error('it burns')</script>",
    "failing": "<script>nothing.here</script>",
    "foreign": "<img alt='' src='http://elsewhere.example/x.png'>",
    "refused": "<img alt='' src='/missing'>",
    "styled": "<p style='color: red'>against the policy</p>",
    "unnamed": "<button></button>",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url() -> AsyncIterator[str]:
    async def page(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        strict = {"Content-Security-Policy": "default-src 'self'; img-src data:"}
        headers = strict if name == "styled" else {}
        return web.Response(text=HEAD + PAGES[name], content_type="text/html", headers=headers)

    app = web.Application()
    app.router.add_get("/pages/{name}", page)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_a_good_page_is_no_trouble(browser: Browser, url: str) -> None:
    async with visit(browser, url) as page:
        await page.goto("/pages/good")
        await expect(page.get_by_role("heading")).to_have_text("Hello")
        assert await violations(page) == []


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("shouting", "it burns"),
        ("failing", "nothing is not defined"),
        ("foreign", "a request to http://elsewhere.example"),
        ("refused", "404 of"),
        ("styled", "Content Security Policy"),
    ],
)
async def test_a_bad_page_fails_its_visit(
    browser: Browser, url: str, name: str, trouble: str
) -> None:
    with pytest.raises(AssertionError, match=trouble):
        async with visit(browser, url) as page:
            await page.goto(f"/pages/{name}")


async def test_a_button_without_a_name_is_a_violation(browser: Browser, url: str) -> None:
    async with visit(browser, url) as page:
        await page.goto("/pages/unnamed")
        assert [one.partition(":")[0] for one in await violations(page)] == ["button-name"]


async def test_without_javascript_nothing_runs(browser: Browser, url: str) -> None:
    async with visit(browser, url, javascript=False) as page:
        await page.goto("/pages/failing")
        await expect(page.get_by_role("heading")).to_be_visible()
