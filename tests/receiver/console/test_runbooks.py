"""The page behind the link in a message: readable for whoever is woken, and harmless whoever wrote it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.console.runbooks import rendered
from receiver.outside.runbooks import BUNDLED
from tests.receiver.web.serving import READ, WEBHOOK, serving

SHIPPED = sorted(file.stem for file in BUNDLED[1].glob("*.md") if file.stem != "README")
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[press](javascript:alert(1))",
    "[press](  JaVaScRiPt:alert(1))",
    "[press](data:text/html;base64,PHNjcmlwdD4=)",
    "<javascript:alert(1)>",
    "![x](file:///etc/passwd)",
    "[a]: vbscript:x\n\n[a]",
)


class Seen(HTMLParser):
    """The tags and the addresses of a page, as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]


def harmless(text: str) -> bool:
    seen = Seen(rendered(text))
    schemes = {url.split(":")[0].strip().lower() for url in seen.addresses if ":" in url}
    return (
        not seen.tags & {"script", "iframe", "object", "style", "form", "svg"}
        and not any(name.startswith("on") for name in seen.attributes)
        and not schemes & {"javascript", "data", "vbscript", "file"}
    )


async def test_the_runbook_of_an_alert_is_a_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        page = await client.ask("GET", "/runbooks/HighErrorRate", token=READ)
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<h2>Immediate actions</h2>" in page.text
    assert "<code>prunella incidents</code>" in page.text


async def test_a_browser_is_told_to_run_nothing_that_stands_in_the_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        page = await client.ask("GET", "/runbooks/HighErrorRate", token=READ)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("token", [None, WEBHOOK])
async def test_a_runbook_is_for_who_may_read(tmp_path: Path, token: str | None) -> None:
    async with serving(tmp_path) as client:
        refused = await client.ask("GET", "/runbooks/HighErrorRate", token=token)
    assert refused.status == (401 if token is None else 403)


async def test_every_shipped_runbook_is_listed_and_opens(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        listed = Seen((await client.ask("GET", "/runbooks", token=READ)).text).addresses
        assert [url for url in listed if url.startswith("/runbooks/")] == [
            f"/runbooks/{name}" for name in SHIPPED
        ]
        for name in SHIPPED:
            page = await client.ask("GET", f"/runbooks/{name}", token=READ)
            assert (page.status, f"<h1>{name}</h1>" in page.text) == (200, True), name


async def test_the_operators_own_come_first(tmp_path: Path) -> None:
    own = tmp_path / "books"
    own.mkdir()
    (own / "HighErrorRate.md").write_text("# Ask Anna first")
    (own / "OurOwn.md").write_text("# Ours")
    async with serving(tmp_path, runbooks="books") as client:
        page = await client.ask("GET", "/runbooks/HighErrorRate", token=READ)
        ours = await client.ask("GET", "/runbooks/OurOwn", token=READ)
        shipped = await client.ask("GET", "/runbooks/RedisDown", token=READ)
    assert "Ask Anna first" in page.text
    assert (ours.status, shipped.status) == (200, 200)


@pytest.mark.parametrize(
    "name", ["Nobody", "..%2f..%2freceiver", "%2e%2e%2f", "README.md", "a%00b", "<b>", "x" * 300]
)
async def test_what_is_no_alert_with_a_runbook_is_not_found(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path) as client:
        page = await client.ask("GET", f"/runbooks/{name}", token=READ)
    assert page.status == 404
    assert "<b>" not in page.text


async def test_a_link_out_of_the_folder_is_not_followed_by_name(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("password")
    own = tmp_path / "books"
    own.mkdir()
    async with serving(tmp_path, runbooks="books") as client:
        page = await client.ask("GET", "/runbooks/..%2Fsecret", token=READ)
    assert page.status == 404
    assert "password" not in page.text


async def test_the_stylesheet_needs_no_token(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        style = await client.ask("GET", "/static/prunella.css", token=None)
    assert (style.status, style.headers["Content-Type"][:8]) == (200, "text/css")
    assert "prefers-color-scheme: dark" in style.text


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_runbook_holds_is_shown_and_not_run(text: str) -> None:
    assert harmless(text)


@given(st.lists(st.sampled_from([*HOSTILE, "[", "]", "(", "`", "\n", "<", "| a |", "&lt;"])))
def test_no_mixture_of_markup_runs(parts: list[str]) -> None:
    assert harmless("".join(parts))


def test_a_link_to_the_web_and_one_to_the_next_runbook_stay() -> None:
    seen = Seen(rendered("[a](https://example.org/x) [b](RedisDown) [c](http://127.0.0.1:9090)"))
    assert seen.addresses == ["https://example.org/x", "RedisDown", "http://127.0.0.1:9090"]
